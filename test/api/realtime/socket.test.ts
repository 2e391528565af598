import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import type pg from 'pg'
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { createAuthenticate } from '../../../api/plugins/authentication.ts'
import type { EventMessage } from '../../../api/realtime/event-message.ts'
import { createEventFeed } from '../../../api/realtime/event-feed.ts'
import { createJobFeed, type JobFeed } from '../../../api/realtime/job-feed.ts'
import { attachSocket, type SocketServer } from '../../../api/realtime/socket.ts'
import type { Refusal, Subscribed } from '../../../api/realtime/socket-messages.ts'
import type { ProgressMessage } from '../../../lib/contracts/jobs.ts'
import { createHintPublisher, type HintPublisher } from '../../../lib/store/job-hints.ts'
import { transitionJob } from '../../../lib/store/jobs.ts'
import { createKeyText, insertKey } from '../../../lib/store/keys.ts'
import { addCaller, addJob, addProgress, openDatabase, silent } from '../../lib/store/_job-fixture.ts'
import { createCollector, type Collector } from './_collector.ts'

interface Api { readonly url: string, readonly port: number, readonly feed: JobFeed, readonly socket: SocketServer, stop: () => Promise<void> }

/** What one api process has of Socket.IO: its own server, feed and listening connection. */
async function startApi (databaseUrl: string, pool: pg.Pool, port = 0): Promise<Api> {
  const server: Server = createServer((_request, response) => { response.end() })
  const feed = createJobFeed({ databaseUrl, pool, log: silent })
  const eventFeed = createEventFeed({ pool, log: silent })
  const socket = attachSocket(server, { feed, eventFeed, authenticate: createAuthenticate(pool), pool, log: silent })
  await new Promise<void>(resolve => { server.listen(port, '127.0.0.1', resolve) })
  const address = server.address() as AddressInfo
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await socket.close()
    await new Promise(resolve => { server.close(resolve) })
    await Promise.all([feed.close(), eventFeed.close()])
  }
  return { url: `http://127.0.0.1:${address.port}/jobs`, port: address.port, feed, socket, stop: async () => { await (stopped ??= stop()) } }
}

interface World { readonly databaseUrl: string, readonly pool: pg.Pool, readonly hints: HintPublisher, readonly api: Api }

async function openWorld (t: ExecutionContext): Promise<World> {
  const { url: databaseUrl, pool } = await openDatabase(t)
  const hints = createHintPublisher(databaseUrl, silent)
  const api = await startApi(databaseUrl, pool)
  t.teardown(async () => {
    await api.stop()
    await hints.close()
  })
  return { databaseUrl, pool, hints, api }
}

interface Client { readonly socket: Socket, readonly progress: Collector<ProgressMessage>, readonly events: Collector<EventMessage>, subscribe: (request: unknown) => Promise<Subscribed | Refusal> }

function connect (t: ExecutionContext, url: string, options: Partial<ManagerOptions & SocketOptions>): Client {
  const socket = io(url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options })
  t.teardown(() => { socket.disconnect() })
  const progress = createCollector<ProgressMessage>()
  const events = createCollector<EventMessage>()
  socket.on('progress', progress.add)
  socket.on('event', events.add)
  return { socket, progress, events, subscribe: async request => await socket.timeout(5_000).emitWithAck('subscribe', request) as Subscribed | Refusal }
}

async function next (socket: Socket, event: string): Promise<unknown> {
  return await new Promise(resolve => { socket.once(event, resolve) })
}

test('a subscriber gets the missed events in the acknowledgement and then events and progress as they happen', async t => {
  const { pool, hints, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  await transitionJob(pool, { id, to: 'running' })
  const { progress, events, subscribe } = connect(t, api.url, { auth: { key } })
  const answer = await subscribe({ job: id, after: 1 }) as Subscribed
  t.true(answer.ok)
  t.deepEqual(answer.events.map(event => [event.seq, event.type, event.job]), [[2, 'batch.in_progress', id]])
  t.like(answer.progress, { job: id, seq: 2, state: 'running', counts: { total: 100, succeeded: 0 }, cost: '0' })
  hints.hint(id, await addProgress(pool, id, 10))
  await progress.until(messages => messages.length === 1)
  t.deepEqual(progress.items[0], {
    job: id, seq: 3, state: 'running', counts: { total: 100, succeeded: 10, failed: 0 }, rate: 50, eta_s: 2, tokens: { input: 0, output: 100 }, cost: '0.00002'
  })
  for (const to of ['finalizing', 'succeeded'] as const) hints.hint(id, (await transitionJob(pool, { id, to }))!.seq)
  await progress.until(messages => messages.at(-1)?.state === 'succeeded')
  t.deepEqual(events.items.map(event => [event.seq, event.type]), [[4, 'batch.finalizing'], [5, 'batch.completed']])
  t.regex(events.items[0]!.created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('subscribers at two api processes both get what happens', async t => {
  const { databaseUrl, pool, hints, api } = await openWorld(t)
  const other = await startApi(databaseUrl, pool)
  t.teardown(other.stop)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  const clients = [api, other].map(({ url }) => connect(t, url, { auth: { key } }))
  await Promise.all(clients.map(async ({ subscribe }) => { t.true((await subscribe({ job: id })).ok) }))
  for (const to of ['running', 'finalizing', 'succeeded'] as const) hints.hint(id, (await transitionJob(pool, { id, to }))!.seq)
  for (const { progress, events } of clients) {
    await progress.until(messages => messages.at(-1)?.state === 'succeeded')
    t.deepEqual(events.items.map(event => event.seq), [2, 3, 4])
  }
})

test('a client that was cut off when its api restarted resumes from its seq without loss or repetition', async t => {
  const { databaseUrl, pool, hints, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  const { socket, progress, events, subscribe } = connect(t, api.url, { auth: { key } })
  const seen: number[] = []
  socket.on('event', (event: EventMessage) => { seen.push(event.seq) })
  const first = await subscribe({ job: id }) as Subscribed
  seen.push(...first.events.map(event => event.seq))
  hints.hint(id, (await transitionJob(pool, { id, to: 'running' }))!.seq)
  await events.until(messages => messages.length === 1)
  const closed = next(socket, 'disconnect')
  await api.stop()
  t.is(await closed, 'transport close')
  await transitionJob(pool, { id, to: 'paused' })
  await transitionJob(pool, { id, to: 'running' })
  const reconnected = next(socket, 'connect')
  const restarted = await startApi(databaseUrl, pool, api.port)
  t.teardown(restarted.stop)
  await reconnected
  const second = await subscribe({ job: id, after: Math.max(...seen) }) as Subscribed
  seen.push(...second.events.map(event => event.seq))
  hints.hint(id, (await transitionJob(pool, { id, to: 'finalizing' }))!.seq)
  await progress.until(messages => messages.at(-1)?.state === 'finalizing')
  t.deepEqual(seen, [1, 2, 3, 4, 5])
})

test('a connection without a usable key is refused with the code, by either way of sending it', async t => {
  const { pool, api } = await openWorld(t)
  const { key } = await addCaller(pool, 'a')
  for (const options of [{}, { auth: { key: createKeyText() } }, { auth: { key: 5 } }, { extraHeaders: { authorization: 'Bearer nonsense' } }]) {
    const error = await next(connect(t, api.url, options).socket, 'connect_error') as Error & { data: unknown }
    t.deepEqual(error.data, { code: 'invalid_api_key' })
  }
  const { socket } = connect(t, api.url, { extraHeaders: { authorization: `Bearer ${key}` } })
  await next(socket, 'connect')
  t.pass()
})

test('only the namespace of jobs can be joined', async t => {
  const { pool, api } = await openWorld(t)
  const { key } = await addCaller(pool, 'a')
  const error = await next(connect(t, new URL('/', api.url).href, { auth: { key } }).socket, 'connect_error') as Error & { data: unknown }
  t.deepEqual(error.data, { code: 'invalid_request' })
})

test('a job of another tenant is as absent as one that never was', async t => {
  const { pool, hints, api } = await openWorld(t)
  const owner = await addCaller(pool, 'a')
  const other = await addCaller(pool, 'b')
  const id = await addJob(pool, owner.caller)
  const stranger = connect(t, api.url, { auth: { key: other.key } })
  const rightful = connect(t, api.url, { auth: { key: owner.key } })
  const refused = await stranger.subscribe({ job: id }) as Refusal
  t.deepEqual(refused, { ok: false, error: { code: 'not_found', message: `No job with id ${id} in this project.` } })
  t.is((await stranger.subscribe({ job: 'batch_none' }) as Refusal).error.code, 'not_found')
  await rightful.subscribe({ job: id })
  hints.hint(id, (await transitionJob(pool, { id, to: 'running' }))!.seq)
  await rightful.events.until(messages => messages.length > 0)
  t.deepEqual([stranger.events.items, stranger.progress.items], [[], []])
})

test('a job is followed with the scope that reading it needs, and a key without any of these is refused', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key: ordinary } = await addCaller(pool, 'a')
  const [batch, replay] = [await addJob(pool, caller), await addJob(pool, caller)]
  await pool.query("UPDATE job SET kind = 'webhook_replay' WHERE id = $1", [replay])
  const add = async (scope: string): Promise<string> => {
    const key = createKeyText()
    await insertKey(pool, { organizationId: caller.organizationId, projectId: caller.projectId, name: scope, scopes: [scope], text: key })
    return key
  }
  const answersOf = async (key: string): Promise<Array<true | string>> => {
    const { subscribe } = connect(t, api.url, { auth: { key } })
    const answers = [await subscribe({ job: batch }), await subscribe({ job: replay })]
    return answers.map(answer => answer.ok || answer.error.code)
  }
  t.deepEqual(await answersOf(ordinary), [true, true])
  t.deepEqual(await answersOf(await add('batch')), [true, 'insufficient_scope'])
  t.deepEqual(await answersOf(await add('webhooks')), ['insufficient_scope', true])
  const error = await next(connect(t, api.url, { auth: { key: await add('files') } }).socket, 'connect_error') as Error & { data: unknown }
  t.deepEqual(error.data, { code: 'insufficient_scope' })
})

test('clients are told and disconnected when their key loses the scope of a job that they follow, and else go on with what is left', async t => {
  const { pool, api } = await openWorld(t)
  const [following, idle] = [await addCaller(pool, 'a'), await addCaller(pool, 'b')]
  const clients = [following, idle].map(({ key }) => connect(t, api.url, { auth: { key } }))
  const jobs = [await addJob(pool, following.caller), await addJob(pool, idle.caller)]
  for (const [place, { subscribe }] of clients.entries()) t.true((await subscribe({ job: jobs[place] })).ok)
  t.deepEqual(await clients[1]!.socket.timeout(5_000).emitWithAck('unsubscribe', { job: jobs[1] }), { ok: true })
  const [told, gone] = [next(clients[0]!.socket, 'error') as Promise<{ code: string }>, next(clients[0]!.socket, 'disconnect')]
  await pool.query("UPDATE api_key SET scopes = '{webhooks}' WHERE id = ANY($1)", [[following.caller.keyId, idle.caller.keyId]])
  t.is((await told).code, 'insufficient_scope')
  t.is(await gone, 'io server disconnect')
  t.true(clients[1]!.socket.connected)
  for (;;) { // its key is looked at within a second; bounded by the test's own timeout
    const answer = await clients[1]!.subscribe({ job: jobs[1] })
    if (!answer.ok) {
      t.is(answer.error.code, 'insufficient_scope')
      break
    }
    await clients[1]!.socket.timeout(5_000).emitWithAck('unsubscribe', { job: jobs[1] })
  }
})

test('what a client may not ask for is refused with a code, and the connection stays usable', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  const { socket, subscribe } = connect(t, api.url, { auth: { key } })
  const codes = new Map<unknown, string>([
    [null, 'missing_parameter'], ['text', 'missing_parameter'], [{}, 'missing_parameter'], [{ job: 5 }, 'invalid_parameter'], [{ job: 'a b' }, 'invalid_parameter'],
    [{ job: 'x'.repeat(101) }, 'invalid_parameter'], [{ job: id, after: -1 }, 'invalid_parameter'], [{ job: id, after: '1' }, 'invalid_parameter'], [{ job: id, after: 1.5 }, 'invalid_parameter']
  ])
  for (const [request, code] of codes) t.is((await subscribe(request) as Refusal).error.code, code, JSON.stringify(request))
  socket.emit('subscribe', { job: id }) // without an acknowledgement
  socket.emit('no-such-message', { job: id })
  t.true((await subscribe({ job: id, after: 999 })).ok)
})

test('a connection holds at most a hundred subscriptions, and unsubscribing makes room', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const ids = await Promise.all(Array.from({ length: 101 }, async () => addJob(pool, caller)))
  const { socket, subscribe } = connect(t, api.url, { auth: { key } })
  const answers = await Promise.all(ids.slice(0, 100).map(async job => subscribe({ job })))
  t.true(answers.every(answer => answer.ok))
  t.is((await subscribe({ job: ids[100] }) as Refusal).error.code, 'invalid_request')
  t.true((await subscribe({ job: ids[0] })).ok, 'again for one of them')
  t.deepEqual(await socket.timeout(5_000).emitWithAck('unsubscribe', { job: ids[0] }), { ok: true })
  t.true((await subscribe({ job: ids[100] })).ok)
})

test('after unsubscribing, nothing more of the job comes', async t => {
  const { pool, hints, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const [left, kept] = await Promise.all([addJob(pool, caller), addJob(pool, caller)]) as [string, string]
  const { socket, events, subscribe } = connect(t, api.url, { auth: { key } })
  await subscribe({ job: left })
  await subscribe({ job: kept })
  await socket.timeout(5_000).emitWithAck('unsubscribe', { job: left })
  for (const id of [left, kept]) hints.hint(id, (await transitionJob(pool, { id, to: 'running' }))!.seq)
  await events.until(messages => messages.length > 0)
  t.deepEqual(events.items.map(event => event.job), [kept])
})

test('a message above the limit ends the connection', async t => {
  const { pool, api } = await openWorld(t)
  const { key } = await addCaller(pool, 'a')
  const { socket } = connect(t, api.url, { auth: { key }, reconnection: false, transports: ['websocket'] })
  await next(socket, 'connect')
  socket.emit('subscribe', { job: 'x'.repeat(20_000) })
  t.regex(String(await next(socket, 'disconnect')), /^transport (close|error)$/)
})

test('clients are told and disconnected when their key is revoked or expires, and others are not', async t => {
  const { pool, api } = await openWorld(t)
  const [revoked, expired, kept] = await Promise.all(['a', 'b', 'c'].map(async name => addCaller(pool, name)))
  const clients = [revoked!, expired!, kept!].map(({ key }) => connect(t, api.url, { auth: { key } }))
  await Promise.all(clients.map(async ({ socket }) => next(socket, 'connect')))
  const told = clients.slice(0, 2).map(async ({ socket }) => next(socket, 'error') as Promise<{ code: string }>)
  const gone = clients.slice(0, 2).map(async ({ socket }) => next(socket, 'disconnect'))
  const start = performance.now()
  await pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [revoked!.caller.keyId])
  await pool.query('UPDATE api_key SET expires_at = now() WHERE id = $1', [expired!.caller.keyId])
  t.deepEqual((await Promise.all(told)).map(message => message.code), ['invalid_api_key', 'invalid_api_key'])
  t.deepEqual(await Promise.all(gone), ['io server disconnect', 'io server disconnect'])
  t.true(performance.now() - start < 3_000)
  t.true(clients[2]!.socket.connected)
})

test('clients are told and disconnected when their text of a key is rotated away or the key loses its scope', async t => {
  const { pool, api } = await openWorld(t)
  const [rotated, unscoped, kept] = await Promise.all(['a', 'b', 'c'].map(async name => addCaller(pool, name)))
  const clients = [rotated!, unscoped!, kept!].map(({ key }) => connect(t, api.url, { auth: { key } }))
  await Promise.all(clients.map(async ({ socket }) => next(socket, 'connect')))
  const told = clients.slice(0, 2).map(async ({ socket }) => next(socket, 'error') as Promise<{ code: string }>)
  const gone = clients.slice(0, 2).map(async ({ socket }) => next(socket, 'disconnect'))
  await pool.query('UPDATE key_secret SET expires_at = now() WHERE key_id = $1', [rotated!.caller.keyId])
  await pool.query("UPDATE api_key SET scopes = '{files}' WHERE id = $1", [unscoped!.caller.keyId])
  await pool.query("UPDATE api_key SET name = 'another' WHERE id = $1", [kept!.caller.keyId])
  t.deepEqual((await Promise.all(told)).map(message => message.code), ['invalid_api_key', 'insufficient_scope'])
  t.deepEqual(await Promise.all(gone), ['io server disconnect', 'io server disconnect'])
  t.true(clients[2]!.socket.connected)
})

test('a client that stops reading gets every event and only the newer progress when it reads again', async t => {
  const { pool, hints, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const slow = connect(t, api.url, { auth: { key }, transports: ['websocket'] })
  const quick = connect(t, api.url, { auth: { key } })
  await slow.subscribe({ job: id, after: 1 })
  await quick.subscribe({ job: id, after: 1 })
  const tcp = (slow.socket.io.engine.transport as unknown as { ws: { _socket: { pause: () => void, resume: () => void } } }).ws._socket
  tcp.pause()
  const data = { filler: 'x'.repeat(1_000_000) } // 20 MB in all, more than the sockets' own buffers hold
  for (let round = 0; round < 20; round++) {
    const { seq } = (await transitionJob(pool, { id, to: round % 2 === 0 ? 'paused' : 'running', data }))!
    hints.hint(id, seq)
    await quick.progress.until(messages => messages.at(-1)?.seq === seq)
  }
  tcp.resume()
  await slow.progress.until(messages => messages.at(-1)?.seq === 21)
  t.deepEqual(slow.events.items.map(event => event.seq), Array.from({ length: 20 }, (_, index) => index + 2))
  t.is(quick.progress.items.length, 20)
  t.true(slow.progress.items.length < 20, `${slow.progress.items.length}`)
})
