import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import type { PoolClient } from 'pg'
import type { Caller } from '../../../../lib/contracts/jobs.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { inTransaction } from '../../../../lib/store/database.ts'
import {
  deleteEndpoint, disableEndpoint, enableEndpoint, endpointReach, listEndpoints, lockEndpoint, readEndpoint, updateEndpoint, type EndpointFields, type EndpointRow
} from '../../../../lib/store/webhook-settings.ts'
import { addEndpoint, defaultFields, newestPayloadVersion, requireKeyring, sealHeaders } from '../../../core/webhook-endpoints.ts'
import { Id, invalid, ListOf, pageFields, Reference, show, showPage } from '../admin/common.ts'
import { createWithSecret } from './create-with-secret.ts'
import { readFields } from './endpoint-fields.ts'
import { Endpoint, EndpointChanges, EndpointReplacement, EndpointWithSecret, NewEndpoint } from './endpoint-schemas.ts'

const tags = ['Webhooks']
const EndpointQuery = Type.Object({
  ...pageFields,
  resource_id: Type.Optional(Type.Unsafe<string>({ ...Reference, description: 'a job: the endpoint it was created with, which is left out otherwise' }))
}, { additionalProperties: false })

/** Where events are sent. */
const endpoints: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app
  const { pool } = dependencies

  app.post('/webhooks', { schema: { tags, summary: 'Create an endpoint; its secret is in this answer only', body: NewEndpoint, response: { 201: EndpointWithSecret } } }, async (request, reply) => {
    const { caller, body: { secret: own, signature = 'hmac', ...body } } = request
    const keyring = requireKeyring(dependencies)
    if (body.url === undefined && body.targets === undefined) throw new SiraError('missing_parameter', { param: 'url' })
    const fields = { ...defaultFields, payload_version: newestPayloadVersion, ...await readFields(dependencies, caller, body) } as EndpointFields
    return await createWithSecret(dependencies, request, reply, own, async client => {
      const { id, shown } = await addEndpoint(keyring, client, caller, { fields, headers: body.headers ?? null, signature, own, enabled: body.enabled ?? true })
      return { row: (await readEndpoint(client, endpointReach(caller), id))!, shown }
    })
  })

  app.get('/webhooks', { schema: { tags, summary: 'List endpoints, newest first', querystring: EndpointQuery, response: { 200: ListOf(Endpoint) } } }, async ({ caller, query: { resource_id: resourceId, ...page } }) =>
    showPage(Endpoint, await listEndpoints(pool, endpointReach(caller), { ...page, ...(resourceId === undefined ? {} : { resourceId }) })))

  app.get('/webhooks/:id', { schema: { tags, summary: 'Get an endpoint, without its secrets', params: Id, response: { 200: Endpoint } } }, async ({ caller, params: { id } }) => {
    const row = await readEndpoint(pool, endpointReach(caller), id)
    if (row === null) throw absent(id)
    return show(Endpoint, row)
  })

  app.put('/webhooks/:id', {
    schema: {
      tags,
      summary: 'Replace the settings of an endpoint',
      description: 'What is left out gets its default, the custom headers too. Secrets, `signature`, `payload_version` and `enabled` stay unless given.',
      params: Id,
      body: EndpointReplacement,
      response: { 200: Endpoint }
    }
  }, async ({ caller, params: { id }, body: { signature, ...body } }) => {
    if (body.url === undefined && body.targets === undefined) throw new SiraError('missing_parameter', { param: 'url' })
    const fields = { ...defaultFields, ...await readFields(dependencies, caller, body) }
    return await change(caller, id, body.enabled, async (client, row) => {
      if (signature !== undefined && signature !== row.signature) throw invalid('signature', 'it is fixed at creation. Create another endpoint.')
      await apply(client, id, fields, body.headers ?? null)
    })
  })

  app.patch('/webhooks/:id', { schema: { tags, summary: 'Change an endpoint', params: Id, body: EndpointChanges, response: { 200: Endpoint } } }, async ({ caller, params: { id }, body }) => {
    const fields = await readFields(dependencies, caller, body)
    return await change(caller, id, body.enabled, async client => { await apply(client, id, fields, body.headers) })
  })

  app.delete('/webhooks/:id', { schema: { tags, summary: 'Remove an endpoint and the log of its deliveries', params: Id, response: { 204: Type.Null() } } }, async ({ caller, params: { id } }, reply) => {
    if (!await deleteEndpoint(pool, endpointReach(caller), id)) throw absent(id)
    return await reply.code(204).send(null)
  })

  async function change (caller: Caller, id: string, enabled: boolean | undefined, work: (client: PoolClient, row: EndpointRow) => Promise<void>): Promise<Static<typeof Endpoint>> {
    return await inTransaction(pool, async client => {
      const row = await lockEndpoint(client, endpointReach(caller), id)
      if (row === null) throw absent(id)
      await work(client, row)
      if (enabled === false && row.enabled) await disableEndpoint(client, id)
      if (enabled === true && !row.enabled) await enableEndpoint(client, id)
      return show(Endpoint, (await readEndpoint(client, endpointReach(caller), id))!)
    })
  }

  /** `headers` undefined = they stay. */
  async function apply (client: PoolClient, id: string, fields: Partial<EndpointFields>, headers: Readonly<Record<string, string>> | null | undefined): Promise<void> {
    await updateEndpoint(client, id, { ...fields, ...(headers === undefined ? {} : sealHeaders(requireKeyring(dependencies), id, headers)) })
  }
}

export function absent (id: string): SiraError {
  return new SiraError('not_found', { resource: 'webhook endpoint', id: id.slice(0, 100) })
}

export default endpoints
