import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { eventTypes } from '../../../../lib/domain/event-types.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { listEvents, readEvent, readFeedPlaces } from '../../../../lib/store/event-feed.ts'
import { toFeedMessage } from '../../../realtime/feed-message.ts'
import { createFeedStream } from '../../../realtime/feed-stream.ts'
import { createOpenStreams } from '../../../realtime/open-streams.ts'
import { Id, ListOf, pageFields } from '../admin/common.ts'
import { checkPatterns, Event, EventPatterns, eventReach, EventResource, EventScope, QueryTime } from './event-schemas.ts'

const tags = ['Events']
const Place = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const EventQuery = Type.Object({
  ...pageFields,
  type: Type.Optional(EventPatterns),
  resource_id: Type.Optional(EventResource),
  since: Type.Optional(QueryTime),
  until: Type.Optional(QueryTime),
  scope: EventScope
}, { additionalProperties: false })
const EventType = Type.Object({
  type: Type.String(),
  description: Type.String(),
  resource: Type.String({ description: 'the kind of resource that `data.id` names' }),
  available: Type.Boolean({ description: 'false = nothing writes it yet; one may subscribe ahead' }),
  schema: Type.Record(Type.String(), Type.Unknown(), { description: 'JSON Schema of the full `data`; the thin one is `{id}`' })
})

/** What happened: to look back, and to follow live. */
const events: FastifyPluginAsyncTypebox = async app => {
  const { pool, eventFeed } = app.dependencies
  const streams = createOpenStreams(app)

  app.get('/events', { schema: { tags, summary: 'List events of the last 30 days, newest first', querystring: EventQuery, response: { 200: ListOf(Event) } } }, async ({ caller, query }) => {
    checkPatterns('type', query.type)
    const { data, hasMore } = await listEvents(pool, eventReach(caller, query.scope), {
      limit: query.limit,
      ...(query.after === undefined ? {} : { after: query.after }),
      ...(query.type === undefined ? {} : { types: query.type }),
      ...(query.resource_id === undefined ? {} : { resourceId: query.resource_id }),
      ...(query.since === undefined ? {} : { since: new Date(query.since) }),
      ...(query.until === undefined ? {} : { until: new Date(query.until) })
    })
    return { data: data.map(toFeedMessage), has_more: hasMore, next_after: hasMore ? data.at(-1)!.id : null }
  })

  app.get('/events/:id', { schema: { tags, summary: 'Get an event', params: Id, querystring: Type.Object({ scope: EventScope }, { additionalProperties: false }), response: { 200: Event } } }, async ({ caller, params: { id }, query }) => {
    const event = await readEvent(pool, eventReach(caller, query.scope), id)
    if (event === null) throw new SiraError('not_found', { resource: 'event', id: id.slice(0, 100) })
    return toFeedMessage(event)
  })

  app.get('/event-types', { schema: { tags, summary: 'List event types, with the schemas of their data', response: { 200: Type.Object({ data: Type.Array(EventType) }) } } },
    async () => ({ data: eventTypes.map(entry => ({ ...entry, schema: { ...entry.schema } })) }))

  app.get('/events/stream', {
    exposeHeadRoute: false, // it would open a stream that nobody reads
    schema: {
      tags,
      summary: "Follow the project's events by server-sent events",
      description: 'Sends the events behind Last-Event-ID or `after` (a `feed_seq`; without either: from now on), then each as it happens, once and in order.',
      querystring: Type.Object({ after: Type.Optional(Place), type: Type.Optional(EventPatterns) }, { additionalProperties: false }),
      headers: Type.Object({ 'last-event-id': Type.Optional(Place) }),
      response: { 200: { description: 'events named by their type; ids are places in the feed', content: { 'text/event-stream': { schema: Type.String() } } } }
    }
  }, async (request, reply) => {
    const { type: types } = request.query
    checkPatterns('type', types)
    const [last] = await readFeedPlaces(pool, [request.caller]) as [number]
    const after = Math.min(request.headers['last-event-id'] ?? request.query.after ?? last, last)
    return await streams.send(request, reply, 'webhooks', () => createFeedStream(eventFeed, request.caller, after, types ?? null))
  })
}

export default events
