import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { inTransaction } from '../../../../lib/store/database.ts'
import { enableEndpoint, endpointReach, insertSecret, lockEndpoint, readEndpoint, requeueMissed } from '../../../../lib/store/webhook-settings.ts'
import { wakeDispatchers } from '../../../../lib/store/wake-dispatchers.ts'
import { deliver } from '../../../core/batches.ts'
import { makeSecret, requireKeyring } from '../../../core/webhook-endpoints.ts'
import { Id, Nullable, show } from '../admin/common.ts'
import { createWithSecret } from './create-with-secret.ts'
import { Endpoint, EndpointWithSecret, OwnSecret } from './endpoint-schemas.ts'
import { absent } from './endpoints.ts'

const tags = ['Webhooks']
const Rotation = Nullable(Type.Object({
  overlap_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 604_800, description: 'how long the secrets before sign beside the new one; a day unless given' })),
  secret: Type.Optional(OwnSecret)
}, { additionalProperties: false }))
const Enabling = Nullable(Type.Object({
  replay_missed: Type.Optional(Type.Boolean({ description: 'deliver what the endpoint missed while it was disabled' }))
}, { additionalProperties: false }))
const EnabledEndpoint = Type.Object({ ...Endpoint.properties, queued: Type.Integer({ description: 'missed deliveries that are due again' }) })

/** What is done with an endpoint beside changing its settings. */
const control: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app

  app.post('/webhooks/:id/rotate-secret', {
    schema: { tags, summary: 'Give an endpoint a new secret; it is in this answer only', params: Id, body: Rotation, response: { 201: EndpointWithSecret } }
  }, async (request, reply) => {
    const { caller, params: { id }, body } = request
    const keyring = requireKeyring(dependencies)
    return await createWithSecret(dependencies, request, reply, body?.secret, async client => {
      const row = await lockEndpoint(client, endpointReach(caller), id)
      if (row === null) throw absent(id)
      const { secret, shown } = makeSecret(keyring, row.signature, body?.secret)
      await insertSecret(client, id, secret, body?.overlap_seconds ?? 86_400)
      return { row: (await readEndpoint(client, endpointReach(caller), id))!, shown }
    })
  })

  app.post('/webhooks/:id/enable', {
    schema: { tags, summary: 'Enable an endpoint, and deliver what it missed if asked', params: Id, body: Enabling, response: { 200: EnabledEndpoint } }
  }, async ({ caller, params: { id }, body, log }) => {
    const { row, queued, messages } = await inTransaction(dependencies.pool, async client => {
      const before = await lockEndpoint(client, endpointReach(caller), id)
      if (before === null) throw absent(id)
      if (!before.enabled) await enableEndpoint(client, id)
      const queued = body?.replay_missed === true ? await requeueMissed(client, id) : 0
      const messages = queued === 0 ? [] : await wakeDispatchers(client, [id])
      return { row: (await readEndpoint(client, endpointReach(caller), id))!, queued, messages }
    })
    for (const message of messages) await deliver(dependencies, message, log)
    return show(EnabledEndpoint, { ...row, queued })
  })
}

export default control
