import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { insertLimit, listLimits, organizationOfSubject, readLimit } from '../../../../lib/store/admin-allowances.ts'
import { reachOf, requireOwn, updateColumns } from '../../../../lib/store/admin-rows.ts'
import { OneOf } from '../../../schemas.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { requireAbove, requireChangeable } from './allowance-rules.ts'
import { create, Id, invalid, ListOf, ListQuery, ManagedBy, Nullable, organizationOf, Reference, show, showPage, tags, Time } from './common.ts'

const numbers = {
  requests_per_minute: Nullable(Type.Integer({ minimum: 1, maximum: 1_000_000_000 })),
  tokens_per_minute: Nullable(Type.Integer({ minimum: 1, maximum: 1_000_000_000_000 })),
  concurrency: Nullable(Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'requests under way' }))
}
export const Limit = Type.Object({
  id: Type.String(),
  organization_id: Nullable(Type.String({ description: 'null = over all organizations' })),
  kind: Type.String(),
  subject_id: Type.String(),
  ...numbers,
  created_at: Time,
  managed_by: ManagedBy
})
const NewLimit = Type.Object({
  kind: OneOf(['organization', 'project', 'key', 'model'] as const),
  subject_id: Reference,
  organization_id: Type.Optional(Nullable(Type.Unsafe<string>({ ...Reference, description: "of a model's limit: the organization it holds in, by default the caller's own; null = over all" }))),
  ...Type.Partial(Type.Object(numbers)).properties
}, { additionalProperties: false })
const Changes = Type.Partial(Type.Object(numbers), { additionalProperties: false, minProperties: 1 })

const limits: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies
  requireScopeOf(app, 'organization')
  const isEmpty = (row: { [Name in keyof typeof numbers]?: number | null }): boolean => (Object.keys(numbers) as Array<keyof typeof numbers>).every(name => row[name] == null)
  const nothing = (): SiraError => invalid('requests_per_minute', 'at least one of requests_per_minute, tokens_per_minute and concurrency is needed.')

  app.post('/limits', { schema: { tags, summary: 'Limit requests and tokens of an organization, project, key or model', body: NewLimit, response: { 201: Limit } } }, async (request, reply) => {
    const { caller, body } = request
    const { kind, subject_id: id } = body
    if (isEmpty(body)) throw nothing()
    if (kind !== 'model' && body.organization_id != null) throw invalid('organization_id', 'only a model has to be told it.')
    requireAbove(caller, kind)
    return await create(pool, request, reply, Limit, async client => {
      const organizationId = kind !== 'model'
        ? await organizationOfSubject(client, reachOf(caller), kind, id)
        : body.organization_id === null ? null : await organizationOfSubject(client, reachOf(caller), 'organization', organizationOf(caller, body.organization_id))
      if (organizationId === undefined) throw new SiraError('not_found', { resource: kind === 'model' ? 'organization' : kind, id })
      const limit = await insertLimit(client, { organizationId, kind, id }, {
        requests_per_minute: body.requests_per_minute ?? null, tokens_per_minute: body.tokens_per_minute ?? null, concurrency: body.concurrency ?? null
      })
      if (limit === null) throw invalid('subject_id', 'it has a limit already.')
      return { row: (await readLimit(client, reachOf(caller), limit))! }
    })
  })

  app.get('/limits', { schema: { tags, summary: 'List limits, newest first', querystring: ListQuery, response: { 200: ListOf(Limit) } } },
    async ({ caller, query }) => showPage(Limit, await listLimits(pool, reachOf(caller), query)))

  app.get('/limits/:id', { schema: { tags, summary: 'Get a limit', params: Id, response: { 200: Limit } } }, async ({ caller, params: { id } }) => {
    const row = await readLimit(pool, reachOf(caller), id)
    if (row === null) throw new SiraError('not_found', { resource: 'limit', id })
    return show(Limit, row)
  })

  app.patch('/limits/:id', { schema: { tags, summary: 'Change a limit; null = none', params: Id, body: Changes, response: { 200: Limit } } }, async ({ caller, params: { id }, body }) => {
    const limit = requireOwn(await readLimit(pool, reachOf(caller), id), 'limit', id)
    requireChangeable(caller, limit)
    const row = { ...limit, ...body }
    if (isEmpty(row)) throw nothing()
    await updateColumns(pool, 'usage_limit', { id }, body)
    return show(Limit, row)
  })

  app.delete('/limits/:id', { schema: { tags, summary: 'Remove a limit', params: Id, response: { 204: Type.Null() } } }, async ({ caller, params: { id } }, reply) => {
    requireChangeable(caller, requireOwn(await readLimit(pool, reachOf(caller), id), 'limit', id))
    await pool.query('DELETE FROM usage_limit WHERE id = $1', [id])
    return await reply.code(204).send(null)
  })
}

export default limits
