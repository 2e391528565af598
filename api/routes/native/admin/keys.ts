import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../../lib/errors.ts'
import { insertKeyWith, listKeys, lockKey, readKey } from '../../../../lib/store/admin-keys.ts'
import { readProject } from '../../../../lib/store/admin-organizations.ts'
import { reachOf, requireOwn, updateColumns } from '../../../../lib/store/admin-rows.ts'
import { inTransaction } from '../../../../lib/store/database.ts'
import { createKeyText } from '../../../../lib/store/keys.ts'
import { requireScopeOf } from '../../../plugins/authentication.ts'
import { refuseOwnKey } from './allowance-rules.ts'
import { create, Id, ListOf, pageFields, Reference, show, showPage, tags } from './common.ts'
import { checkKeyFields, requireScopesOf } from './key-rules.ts'
import { Key, KeyChanges, KeyWithText, NewKey } from './key-schemas.ts'

const KeyQuery = Type.Object({ ...pageFields, project_id: Type.Optional(Reference) }, { additionalProperties: false })

const keys: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies
  requireScopeOf(app, 'organization')

  app.post('/keys', { schema: { tags, summary: 'Create a key; its text is in this answer only', body: NewKey, response: { 201: KeyWithText } } }, async (request, reply) => {
    const { caller, body } = request
    const { project_id: projectId = caller.projectId, name } = body
    const fields = {
      name,
      scopes: body.scopes ?? [],
      models: body.models ?? null,
      allowed_ips: body.allowed_ips ?? null,
      expires_at: body.expires_at ?? null,
      cache_ttl_seconds: body.cache_ttl_seconds ?? null,
      rotate_every_days: body.rotate_every_days ?? null,
      overlap_seconds: body.overlap_seconds ?? 86_400
    }
    checkKeyFields(caller, fields)
    return await create(pool, request, reply, KeyWithText, async client => {
      const project = await readProject(client, reachOf(caller), projectId)
      if (project === null || project.archived_at !== null) throw new SiraError('not_found', { resource: 'project', id: projectId })
      const text = createKeyText()
      const id = await insertKeyWith(client, { organizationId: project.organization_id, projectId }, fields, text)
      return { row: (await readKey(client, reachOf(caller), id))!, secret: { key: text } }
    })
  })

  app.get('/keys', { schema: { tags, summary: 'List keys, newest first', querystring: KeyQuery, response: { 200: ListOf(Key) } } },
    async ({ caller, query }) => showPage(Key, await listKeys(pool, reachOf(caller), query)))

  app.get('/keys/:id', { schema: { tags, summary: 'Get a key, without its text', params: Id, response: { 200: Key } } }, async ({ caller, params: { id } }) => {
    const row = await readKey(pool, reachOf(caller), id)
    if (row === null) throw new SiraError('not_found', { resource: 'key', id })
    return show(Key, row)
  })

  app.patch('/keys/:id', { schema: { tags, summary: 'Change what a key may do', params: Id, body: KeyChanges, response: { 200: Key } } }, async ({ caller, params: { id }, body }) =>
    await inTransaction(pool, async client => {
      const row = requireOwn(await lockKey(client, reachOf(caller), id), 'key', id)
      requireScopesOf(caller, row.scopes)
      if (body.allowed_ips !== undefined || body.expires_at !== undefined) refuseOwnKey(caller, id)
      checkKeyFields(caller, body)
      const days = body.rotate_every_days
      const rotateAt = days === undefined ? undefined : days === null ? null : new Date(Date.now() + days * 86_400_000)
      await updateColumns(client, 'api_key', { id }, { ...body, rotate_at: rotateAt })
      return show(Key, (await readKey(client, reachOf(caller), id))!)
    }))

  app.delete('/keys/:id', { schema: { tags, summary: 'Revoke a key: it stops everywhere within a second', params: Id, response: { 200: Key } } }, async ({ caller, params: { id } }) =>
    await inTransaction(pool, async client => {
      const row = requireOwn(await lockKey(client, reachOf(caller), id), 'key', id)
      requireScopesOf(caller, row.scopes)
      if (row.revoked_at === null) {
        await updateColumns(client, 'api_key', { id }, { revoked_at: new Date() })
        await client.query('UPDATE key_secret SET unclaimed = NULL WHERE key_id = $1', [id])
      }
      return show(Key, (await readKey(client, reachOf(caller), id))!)
    }))
}

export default keys
