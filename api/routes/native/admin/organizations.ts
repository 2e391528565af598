import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { archive, insertOrganization, listOrganizations, readOrganization } from '../../../../lib/store/admin-organizations.ts'
import { reachOf, requireOwn, updateColumns } from '../../../../lib/store/admin-rows.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { create, Id, ListOf, ListQuery, ManagedBy, Name, Nullable, show, showPage, tags, Time } from './common.ts'

const Organization = Type.Object({ id: Type.String(), name: Type.String(), created_at: Time, archived_at: Nullable(Time), managed_by: ManagedBy })
const Fields = Type.Object({ name: Name }, { additionalProperties: false })

/** Billing and isolation boundaries, of the whole installation. */
const organizations: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies
  requireScopeOf(app, 'admin')

  app.post('/organizations', { schema: { tags, summary: 'Create an organization', body: Fields, response: { 201: Organization } } },
    async (request, reply) => await create(pool, request, reply, Organization, async client => ({ row: await insertOrganization(client, request.body.name) })))

  app.get('/organizations', { schema: { tags, summary: 'List organizations, newest first', querystring: ListQuery, response: { 200: ListOf(Organization) } } },
    async ({ caller, query }) => showPage(Organization, await listOrganizations(pool, reachOf(caller), query)))

  app.get('/organizations/:id', { schema: { tags, summary: 'Get an organization', params: Id, response: { 200: Organization } } }, async ({ caller, params: { id } }) => {
    const row = await readOrganization(pool, reachOf(caller), id)
    if (row === null) throw new SiraError('not_found', { resource: 'organization', id })
    return show(Organization, row)
  })

  app.patch('/organizations/:id', { schema: { tags, summary: 'Rename an organization', params: Id, body: Fields, response: { 200: Organization } } }, async ({ caller, params: { id }, body }) => {
    const row = requireOwn(await readOrganization(pool, reachOf(caller), id), 'organization', id)
    await updateColumns(pool, 'organization', { id }, body)
    return show(Organization, { ...row, ...body })
  })

  app.delete('/organizations/:id', { schema: { tags, summary: 'Archive an organization: all its keys stop, its data stays', params: Id, response: { 204: Type.Null() } } }, async ({ caller, params: { id } }, reply) => {
    requireOwn(await readOrganization(pool, reachOf(caller), id), 'organization', id)
    if (id === caller.organizationId) throw new SiraError('invalid_request', { reason: 'This key belongs to the organization, which it cannot archive.' })
    await archive(pool, 'organization', id)
    return await reply.code(204).send(null)
  })
}

export default organizations
