import test, { type ExecutionContext } from 'ava'
import type pg from 'pg'
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import type { FeedMessage } from '../../../api/realtime/feed-message.ts'
import type { FeedSubscribed, Refusal } from '../../../api/realtime/socket-messages.ts'
import { addEvents } from '../_events.ts'
import { startEventsApp, type EventsApp } from '../_events-app.ts'
import { addCaller, openDatabase } from '../../lib/store/_job-fixture.ts'
import { createCollector, type Collector } from './_collector.ts'

async function openWorld (t: ExecutionContext): Promise<{ databaseUrl: string, pool: pg.Pool, api: EventsApp }> {
  const { url: databaseUrl, pool } = await openDatabase(t)
  const api = await startEventsApp(databaseUrl, pool)
  t.teardown(api.stop)
  return { databaseUrl, pool, api }
}

type Answer = Omit<FeedSubscribed, 'ok'> & Omit<Refusal, 'ok'> & { readonly ok: boolean }
interface Client { readonly socket: Socket, readonly events: Collector<FeedMessage>, subscribe: (request?: unknown) => Promise<Answer> }

function connect (t: ExecutionContext, url: string, key: string, options: Partial<ManagerOptions & SocketOptions> = {}): Client {
  const socket = io(`${url}/events`, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, auth: { key }, ...options })
  t.teardown(() => { socket.disconnect() })
  const events = createCollector<FeedMessage>()
  socket.on('event', events.add)
  return { socket, events, subscribe: async (request = {}) => await socket.timeout(10_000).emitWithAck('subscribe', request) as Answer }
}

const next = async (socket: Socket, event: string): Promise<unknown> => await new Promise(resolve => { socket.once(event, resolve) })
const places = (events: readonly FeedMessage[]): number[] => events.map(event => event.feed_seq)

test('a subscriber of events gets what was missed in the answer and then each event as it happens', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  await addEvents(pool, caller, ['batch.created', 'batch.in_progress', 'ping'])
  const late = connect(t, api.url, key)
  t.deepEqual(await late.subscribe(), { ok: true, events: [], after: 3 })
  const behind = connect(t, api.url, key)
  const answer = await behind.subscribe({ after: 1, types: ['batch.*'] })
  t.deepEqual([places(answer.events), answer.after], [[2], 3])
  t.like(answer.events[0], { type: 'batch.in_progress', project_id: caller.projectId, seq: 2 })
  await addEvents(pool, caller, ['ping', 'batch.completed'])
  for (const client of [late, behind]) await client.events.until(items => items.at(-1)?.feed_seq === 5)
  t.deepEqual([places(late.events.items), places(behind.events.items)], [[4, 5], [5]])
})

test('subscribing again replaces the subscription, and after unsubscribing nothing more comes', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const { socket, events, subscribe } = connect(t, api.url, key)
  const witness = connect(t, api.url, key)
  await witness.subscribe()
  for (const types of [['ping'], ['batch.*']]) t.true((await subscribe({ types })).ok)
  await addEvents(pool, caller, ['ping', 'batch.created'])
  await events.until(items => items.length === 1)
  t.deepEqual(await socket.timeout(5_000).emitWithAck('unsubscribe', {}), { ok: true })
  await addEvents(pool, caller, ['batch.completed'])
  await witness.events.until(items => items.length === 3)
  t.deepEqual(events.items.map(event => event.type), ['batch.created'])
})

test('a longer gap than one answer holds follows as events, without loss or repetition', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  await addEvents(pool, caller, Array.from({ length: 1_000 }, () => 'batch.created'))
  const { events, subscribe } = connect(t, api.url, key)
  const answer = await subscribe({ after: 50 })
  t.is(answer.events.length, 200)
  await events.until(items => items.length === 750)
  t.deepEqual([...places(answer.events), ...places(events.items)], Array.from({ length: 950 }, (_, index) => index + 51))
})

test('a subscriber whose api process restarts goes on elsewhere from its place, while events are added', async t => {
  const { databaseUrl, pool, api } = await openWorld(t)
  const other = await startEventsApp(databaseUrl, pool)
  t.teardown(other.stop)
  const { caller, key } = await addCaller(pool, 'a')
  const total = 600
  const steady = connect(t, other.url, key)
  await steady.subscribe({ after: 0 })
  const cut = connect(t, api.url, key, { reconnection: false })
  await cut.subscribe({ after: 0 })
  const writers = Array.from({ length: 4 }, async () => { for (let round = 0; round < total / 20; round++) await addEvents(pool, caller, Array.from({ length: 5 }, () => 'batch.created')) })
  await cut.events.until(items => items.length >= 50)
  const gone = next(cut.socket, 'disconnect')
  await api.stop()
  t.is(await gone, 'transport close')
  const seen = places(cut.events.items)
  const again = connect(t, other.url, key)
  const answer = await again.subscribe({ after: seen.at(-1)! })
  await Promise.all(writers)
  const everything = Array.from({ length: total }, (_, index) => index + 1)
  await steady.events.until(items => items.length >= total)
  t.deepEqual(places(steady.events.items), everything)
  await again.events.until(() => seen.length + answer.events.length + again.events.items.length >= total)
  t.deepEqual([...seen, ...places(answer.events), ...places(again.events.items)], everything)
})

test('the socket of events needs a key with the scope webhooks, and tells nothing of other projects', async t => {
  const { pool, api } = await openWorld(t)
  const [owner, stranger, batchOnly] = [await addCaller(pool, 'a'), await addCaller(pool, 'b'), await addCaller(pool, 'c', ['batch'])]
  for (const [key, code] of [['nonsense', 'invalid_api_key'], [batchOnly.key, 'insufficient_scope']] as const) {
    t.deepEqual((await next(connect(t, api.url, key).socket, 'connect_error') as Error & { data: unknown }).data, { code })
  }
  const other = connect(t, api.url, stranger.key)
  await addEvents(pool, owner.caller, ['batch.created'])
  t.deepEqual(await other.subscribe({ after: 0 }), { ok: true, events: [], after: 0 })
  await addEvents(pool, owner.caller, ['batch.completed'])
  await addEvents(pool, stranger.caller, ['ping'])
  await other.events.until(items => items.length > 0)
  t.deepEqual(other.events.items.map(event => event.project_id), [stranger.caller.projectId])
})

test('what a subscriber of events may not ask is refused with a code, and the connection stays usable', async t => {
  const { pool, api } = await openWorld(t)
  const { key } = await addCaller(pool, 'a')
  const { socket, subscribe } = connect(t, api.url, key)
  for (const request of [{ after: -1 }, { after: '1' }, { after: 1.5 }, { types: 'ping' }, { types: [] }, { types: [5] }, { types: ['nothing'] }, { types: Array.from({ length: 51 }, () => 'ping') }]) {
    t.is((await subscribe(request)).error.code, 'invalid_parameter', JSON.stringify(request))
  }
  socket.emit('subscribe', {}) // without an acknowledgement
  for (const request of [null, 'text', { after: 999 }]) t.deepEqual(await subscribe(request), { ok: true, events: [], after: 0 })
})

test('a subscriber of events is told and disconnected when its key is revoked', async t => {
  const { pool, api } = await openWorld(t)
  const [revoked, kept] = [await addCaller(pool, 'a'), await addCaller(pool, 'b')]
  const clients = [connect(t, api.url, revoked.key), connect(t, api.url, kept.key)] as const
  for (const client of clients) await client.subscribe()
  const told = next(clients[0].socket, 'error') as Promise<{ code: string }>
  const gone = next(clients[0].socket, 'disconnect')
  await pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [revoked.caller.keyId])
  t.is((await told).code, 'invalid_api_key')
  t.is(await gone, 'io server disconnect')
  t.true(clients[1].socket.connected)
})

test('a subscriber that stops reading makes the process keep only a part, and gets every event when it reads again', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const slow = connect(t, api.url, key, { transports: ['websocket'] })
  const quick = connect(t, api.url, key)
  for (const client of [slow, quick]) await client.subscribe()
  const tcp = (slow.socket.io.engine.transport as unknown as { ws: { _socket: { pause: () => void, resume: () => void } } }).ws._socket
  tcp.pause()
  for (let round = 0; round < 15; round++) await addEvents(pool, caller, Array.from({ length: 200 }, () => 'batch.created'), { data: { filler: 'x'.repeat(8_000) } })
  await quick.events.until(items => items.length === 3_000)
  t.true(slow.events.items.length < 1_500)
  tcp.resume()
  await slow.events.until(items => items.length === 3_000)
  t.deepEqual(places(slow.events.items), Array.from({ length: 3_000 }, (_, index) => index + 1))
})
