import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { deliveryStates } from '../../../../lib/contracts/webhooks.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { inTransaction, type Queryable } from '../../../../lib/store/database.ts'
import { listAttempts, listDeliveries, readDelivery, type DeliveryRow } from '../../../../lib/store/webhook-log.ts'
import { endpointReach, readEndpoint, type EndpointReach } from '../../../../lib/store/webhook-settings.ts'
import { requeueDelivery, wakeDispatchers } from '../../../../lib/store/wake-dispatchers.ts'
import { deliver } from '../../../core/batches.ts'
import { OneOf } from '../../../schemas.ts'
import { Id, ListOf, Nullable, pageFields, Reference, show, showPage, Time } from '../admin/common.ts'
import { absent } from './endpoints.ts'
import { checkPatterns, EventPatterns, QueryTime } from './event-schemas.ts'

const tags = ['Webhooks']
const DeliveryId = Type.Object({ ...Id.properties, delivery: Reference })
const DeliveryQuery = Type.Object({
  ...pageFields,
  state: Type.Optional(OneOf(deliveryStates)),
  event_type: Type.Optional(EventPatterns),
  event_id: Type.Optional(Reference),
  replay_id: Type.Optional(Reference),
  since: Type.Optional(QueryTime),
  until: Type.Optional(QueryTime)
}, { additionalProperties: false })
const AttemptQuery = Type.Object({
  after: Type.Integer({ minimum: 0, maximum: 2_147_483_647, default: 0, description: '`next_after` of the page before' }),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 })
}, { additionalProperties: false })

const Delivery = Type.Object({
  id: Type.String(),
  endpoint_id: Type.String(),
  event_id: Type.String({ description: 'the header `webhook-id`, the same in every attempt' }),
  event_type: Type.String(),
  resource_id: Type.String(),
  event_seq: Type.Integer(),
  state: OneOf(deliveryStates, 'disabled = the endpoint was disabled before it was delivered'),
  trigger: Type.String({ description: 'what asked for it last: `event`, `retry`, `replay` or `test`' }),
  replay_id: Nullable(Type.String()),
  attempts: Type.Integer(),
  last_status: Nullable(Type.Integer({ description: 'HTTP status of the last attempt; null = none, or no answer' })),
  last_error_class: Nullable(Type.String()),
  due_at: Nullable(Type.String({ format: 'date-time', description: 'when the next attempt is due; null = it has ended' })),
  created_at: Time,
  finished_at: Nullable(Time)
})
const Milliseconds = Nullable(Type.Integer())
const Message = Type.Object({ headers: Type.Record(Type.String(), Type.String()), body: Type.String() }, { description: 'excerpts, without the values of custom headers and signatures' })
export const attemptResult = {
  url: Type.String(),
  address: Nullable(Type.String({ description: 'that was dialled' })),
  status: Nullable(Type.Integer()),
  error_class: Nullable(Type.String({ description: 'why no HTTP answer came: `dns`, `ssrf_blocked`, `connect`, `tls`, `timeout`, `reset`, `response`' })),
  error_message: Nullable(Type.String()),
  timing: Type.Object({ dns: Milliseconds, connect: Milliseconds, tls: Milliseconds, first_byte: Milliseconds, total: Type.Integer() }, { description: 'ms; null = not needed or not reached' }),
  request: Message,
  response: Nullable(Message),
  started_at: Time
}
const Attempt = Type.Object({ number: Type.Integer(), trigger: Type.String(), ...attemptResult })

/** The log of an endpoint: what was sent, what came back, and sending it again. */
const deliveries: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app
  const { pool } = dependencies

  async function find (database: Queryable, reach: EndpointReach, id: string, delivery: string): Promise<DeliveryRow> {
    const row = await readDelivery(database, reach, id, delivery)
    if (row === null) throw new SiraError('not_found', { resource: 'delivery', id: delivery.slice(0, 100) })
    return row
  }

  app.get('/webhooks/:id/deliveries', { schema: { tags, summary: 'List deliveries of an endpoint, newest first', params: Id, querystring: DeliveryQuery, response: { 200: ListOf(Delivery) } } }, async ({ caller, params: { id }, query }) => {
    checkPatterns('event_type', query.event_type)
    const reach = endpointReach(caller)
    if (await readEndpoint(pool, reach, id) === null) throw absent(id)
    return showPage(Delivery, await listDeliveries(pool, reach, id, {
      limit: query.limit,
      ...(query.after === undefined ? {} : { after: query.after }),
      ...(query.state === undefined ? {} : { state: query.state }),
      ...(query.event_type === undefined ? {} : { types: query.event_type }),
      ...(query.event_id === undefined ? {} : { eventId: query.event_id }),
      ...(query.replay_id === undefined ? {} : { replayId: query.replay_id }),
      ...(query.since === undefined ? {} : { since: new Date(query.since) }),
      ...(query.until === undefined ? {} : { until: new Date(query.until) })
    }))
  })

  app.get('/webhooks/:id/deliveries/:delivery', { schema: { tags, summary: 'Get a delivery', params: DeliveryId, response: { 200: Delivery } } },
    async ({ caller, params: { id, delivery } }) => show(Delivery, await find(pool, endpointReach(caller), id, delivery)))

  app.get('/webhooks/:id/deliveries/:delivery/attempts', {
    schema: { tags, summary: 'List the attempts of a delivery, oldest first', params: DeliveryId, querystring: AttemptQuery, response: { 200: ListOf(Attempt) } }
  }, async ({ caller, params: { id, delivery }, query }) => {
    await find(pool, endpointReach(caller), id, delivery)
    return showPage(Attempt, await listAttempts(pool, endpointReach(caller), id, delivery, query), 'number')
  })

  app.post('/webhooks/:id/deliveries/:delivery/retry', {
    schema: {
      tags,
      summary: 'Deliver again now, whatever came of it before',
      description: 'May be repeated: a delivery that waits for its next attempt has it now, with the whole schedule before it.',
      params: DeliveryId,
      response: { 200: Delivery }
    }
  }, async ({ caller, params: { id, delivery }, log }) => {
    const reach = endpointReach(caller)
    const { row, messages } = await inTransaction(pool, async client => {
      if (await readEndpoint(client, reach, id) === null) throw absent(id)
      await find(client, reach, id, delivery)
      const result = await requeueDelivery(client, caller, id, delivery)
      if (result === 'disabled') throw new SiraError('state_conflict', { action: 'deliver to', resource: 'webhook endpoint', state: 'disabled' })
      const messages = await wakeDispatchers(client, [id])
      return { row: await find(client, reach, id, delivery), messages }
    })
    for (const message of messages) await deliver(dependencies, message, log)
    return show(Delivery, row)
  })
}

export default deliveries
