import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { io } from 'socket.io-client'
import { WebSocket } from 'ws'
import { buildApp } from '../../../api/app.ts'
import type { Caller } from '../../../lib/contracts/jobs.ts'
import { startTestApi, type TestApi } from '../../support/api.ts'
import { createTestTenant } from '../../support/tenant.ts'
import { createCollector, type Collector } from './_collector.ts'

interface Message { type: string, id?: string, data?: { choices: Array<{ delta: { content?: string } }> }, error?: { code: string, param: string | null }, cost?: string | null, headers?: Record<string, string>, request_id?: string }
interface Client { readonly socket: WebSocket, readonly messages: Collector<Message>, send: (message: unknown) => void, request: (id: string, content: string, more?: object) => void, of: (id: string) => Message[], ended: (id: string) => Promise<Message> }

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const address = (): string => `${api.url.replace('http', 'ws')}/api/v1/chat/stream`
const ends = ['done', 'cancelled', 'error']

async function connect (t: ExecutionContext, { protocols = [], headers = {} }: { protocols?: string[], headers?: Record<string, string> }): Promise<Client> {
  const socket = new WebSocket(address(), protocols, { headers })
  t.teardown(() => { socket.terminate() })
  const messages = createCollector<Message>()
  socket.on('message', data => { messages.add(JSON.parse(String(data)) as Message) })
  await once(socket, 'open')
  const send = (message: unknown): void => { socket.send(typeof message === 'string' ? message : JSON.stringify(message)) }
  const of = (id: string): Message[] => messages.items.filter(message => message.id === id)
  return {
    socket,
    messages,
    send,
    of,
    request: (id, content, more = {}) => { send({ type: 'request', id, body: { model: 'sim-instant', messages: [{ role: 'user', content }], ...more } }) },
    async ended (id) {
      const end = (): Message | undefined => of(id).find(({ type }) => ends.includes(type))
      await messages.until(() => end() !== undefined)
      return end()!
    }
  }
}

async function connectTenant (t: ExecutionContext): Promise<Client & { caller: Caller, key: string }> {
  const { caller, key } = await createTestTenant(api.pool)
  return { ...await connect(t, { headers: { authorization: `Bearer ${key}` } }), caller, key }
}

async function until (what: string, holds: () => boolean): Promise<void> {
  const start = performance.now()
  while (!holds()) {
    if (performance.now() - start > 8_000) throw new Error(`not within 8 s: ${what}`)
    await sleep(20)
  }
}

async function refusal (options: { protocols?: string[], headers?: Record<string, string> }): Promise<number> {
  const socket = new WebSocket(address(), options.protocols ?? [], { headers: options.headers ?? {} })
  socket.on('error', () => {}) // comes after the answer that is looked at
  const [, response] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }]
  socket.terminate()
  return response.statusCode
}

test('one socket carries many requests at once, each with its own begin, events, end and cost', async t => {
  const { request, ended, of, messages } = await connectTenant(t)
  const ids = ['a', 'b', 'c']
  for (const id of ids) request(id, `Hello ${id}`, { model: id === 'b' ? 'sim-claude' : 'sim-fast' })
  for (const id of ids) {
    const end = await ended(id)
    t.is(end.type, 'done')
    t.true(Number(end.cost) > 0)
    const all = of(id)
    t.is(all[0]!.type, 'begin')
    t.is(all[0]!.headers!['x-sira-model'], id === 'b' ? 'sim-claude' : 'sim-fast')
    t.truthy(all[0]!.request_id)
    t.deepEqual([...new Set(all.slice(1, -1).map(({ type }) => type))], ['event'])
    t.true(all.slice(1, -1).map(({ data }) => data!.choices[0]?.delta.content ?? '').join('').length > 10)
  }
  const order = messages.items.filter(({ type }) => type === 'event').map(({ id }) => id)
  t.true(order.some((id, place) => place > 0 && id !== order[place - 1] && order.slice(place + 1).includes(order[place - 1])), 'they come interleaved')
})

test('a cancelled request ends alone: the provider is left, the others go on', async t => {
  const { request, send, ended, of } = await connectTenant(t)
  request('long', '[[sim:delay=20000]] to be cancelled', { model: 'sim-slow' })
  request('short', '[[sim:delay=300]] stays')
  const calls = (): ReturnType<TestApi['simulator']['calls']> => api.simulator.calls().filter(({ model }) => model === 'sim-slow')
  await until('the call is under way', () => calls().length === 1)
  send({ type: 'cancel', id: 'nobody' })
  send({ type: 'cancel', id: 'long' })
  t.is((await ended('long')).type, 'cancelled')
  await until('the provider is left', () => calls()[0]!.aborted)
  t.is((await ended('short')).type, 'done')
  request('long', 'the id is free again')
  await until('a second end', () => of('long').filter(({ type }) => ends.includes(type)).length === 2)
  t.is(of('long').at(-1)!.type, 'done')
})

test('a socket is refused without a good key, and taken with one in a header or a subprotocol', async t => {
  t.is(await refusal({}), 401)
  t.is(await refusal({ headers: { authorization: 'Bearer sira_nobody' } }), 401)
  t.is(await refusal({ protocols: ['sira.chat', 'sira.key.sira_nobody'] }), 401)
  const { key } = await createTestTenant(api.pool)
  const { socket, request, ended } = await connect(t, { protocols: ['sira.chat', `sira.key.${key}`] })
  t.is(socket.protocol, 'sira.chat', 'the key is not sent back')
  request('a', 'Hello')
  t.is((await ended('a')).type, 'done')
  await t.notThrowsAsync(connect(t, { headers: { 'x-api-key': key } }))
  const { key: other } = await createTestTenant(api.pool, ['usage'])
  t.is(await refusal({ headers: { authorization: `Bearer ${other}` } }), 403)
})

test('a socket that is asked for while the process drains is refused as draining', async t => {
  const draining = await buildApp(api.app.dependencies)
  let release!: () => void
  const gate = new Promise<void>(resolve => { release = resolve })
  t.teardown(async () => {
    release()
    await draining.close()
  })
  const closing = new Promise<void>(resolve => {
    // after the sockets, before the listener
    draining.addHook('preClose', async () => {
      resolve()
      await gate
    })
  })
  const url = (await draining.listen({ host: '127.0.0.1', port: 0 })).replace('http', 'ws')
  const closed = draining.close()
  await closing
  const socket = new WebSocket(`${url}/api/v1/chat/stream`, { headers: { authorization: `Bearer ${api.key}` } })
  socket.on('error', () => {}) // comes after the answer that is looked at
  const [, response] = await once(socket, 'unexpected-response') as [unknown, IncomingMessage]
  t.is(response.statusCode, 503)
  t.like(JSON.parse(await text(response)), { code: 'draining', status: 503 })
  release()
  await closed
})

test('a socket whose key is revoked is closed within two seconds and its calls are aborted', async t => {
  const { socket, request, caller } = await connectTenant(t)
  request('a', '[[sim:delay=20000]] revoked', { model: 'sim-reasoning' })
  const calls = (): ReturnType<TestApi['simulator']['calls']> => api.simulator.calls().filter(({ model }) => model === 'sim-reasoning')
  await until('the call is under way', () => calls().length === 1)
  const start = performance.now()
  await api.pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [caller.keyId])
  const [code] = await once(socket, 'close') as [number]
  t.is(code, 1008)
  t.true(performance.now() - start < 2_500)
  await until('the call is aborted', () => calls()[0]!.aborted)
})

test('what becomes of its key holds on an open socket too: fewer models, another text, a scope less', async t => {
  const clients = await Promise.all([connectTenant(t), connectTenant(t), connectTenant(t)])
  const [narrowed, rotated, unscoped] = clients
  const closes = [rotated, unscoped].map(async ({ socket }) => (await once(socket, 'close') as [number])[0])
  await api.pool.query("UPDATE api_key SET models = '{sim-claude}' WHERE id = $1", [narrowed.caller.keyId])
  await api.pool.query('UPDATE key_secret SET expires_at = now() WHERE key_id = $1', [rotated.caller.keyId])
  await api.pool.query('INSERT INTO key_secret (hash, key_id, hint) VALUES ($1, $2, $3)', ['another', rotated.caller.keyId, 'text'])
  await api.pool.query("UPDATE api_key SET scopes = '{files}' WHERE id = $1", [unscoped.caller.keyId])
  t.deepEqual(await Promise.all(closes), [1008, 1008])
  let attempt = 0
  for (let refused = false; !refused; attempt++) { // bounded by the test's own timeout
    narrowed.request(`a${attempt}`, 'Hello')
    refused = (await narrowed.ended(`a${attempt}`)).error?.code === 'model_not_allowed'
  }
  narrowed.request('allowed', 'Hello', { model: 'sim-claude' })
  t.is((await narrowed.ended('allowed')).type, 'done')
})

test('messages that make no sense are answered with a code, and the socket goes on', async t => {
  const { socket, send, messages, request, ended } = await connectTenant(t)
  const body = { model: 'sim-instant', messages: [{ role: 'user', content: 'Hi' }] }
  const wrong: Array<[unknown, string, string | null, string | undefined]> = [
    ['{', 'invalid_json', null, undefined],
    ['[]', 'invalid_json', null, undefined],
    [{ type: 'request', body }, 'invalid_parameter', 'id', undefined],
    [{ type: 'what', id: 'a' }, 'invalid_parameter', 'type', undefined],
    [{ type: 'request', id: 'a' }, 'invalid_parameter', 'body', undefined],
    [{ type: 'request', id: 'a', body, headers: { a: 1 } }, 'invalid_parameter', 'headers', undefined],
    [{ type: 'request', id: 'a', body: { ...body, temperature: 'hot' } }, 'invalid_parameter', 'temperature', 'a'],
    [{ type: 'request', id: 'a', body: { ...body, messages: [{ role: 'nobody', content: 'Hi' }] } }, 'invalid_parameter', 'messages.0.role', 'a'],
    [{ type: 'request', id: 'a', body: { ...body, model: 'nobodys' } }, 'model_not_found', 'model', 'a'],
    [{ type: 'request', id: 'a', body, headers: { 'X-Sira-Cache': 'what' } }, 'invalid_parameter', 'x-sira-cache', 'a']
  ]
  for (const [index, [message, code, param, id]] of wrong.entries()) {
    send(message)
    await messages.until(items => items.length === index + 1)
    const answer = messages.items[index]!
    t.is(answer.type, 'error')
    t.is(answer.id, id, JSON.stringify(message))
    t.is(answer.error!.code, code, JSON.stringify(message))
    t.is(answer.error!.param, param, JSON.stringify(message))
  }
  socket.send(Buffer.from('{}'), { binary: true })
  await messages.until(items => items.length === wrong.length + 1)
  t.is(messages.items.at(-1)!.error!.code, 'invalid_json')
  request('good', 'Hi')
  t.is((await ended('good')).type, 'done')
})

test('an id that is under way cannot be used again, and a socket has 64 requests at most', async t => {
  const { request, messages } = await connectTenant(t)
  for (let id = 0; id < 64; id++) request(String(id), `[[sim:delay=20000]] ${id}`)
  request('0', 'again')
  await messages.until(items => items.length === 1)
  t.like(messages.items[0], { type: 'error', id: '0', error: { code: 'invalid_parameter', param: 'id' } })
  request('64', 'one too many')
  await messages.until(items => items.length === 2)
  t.like(messages.items[1], { type: 'error', id: '64', error: { code: 'concurrency_limit_exceeded' } })
})

test('a request that fails, before or after its answer has begun, ends alone', async t => {
  const { request, ended } = await connectTenant(t)
  request('refused', '[[sim:400]]')
  request('broken', '[[sim:stream-error]]')
  request('cut', '[[sim:cut]] off')
  t.is((await ended('refused')).type, 'error')
  t.is((await ended('broken')).type, 'error')
  t.is((await ended('cut')).type, 'error')
  request('good', 'Hi')
  t.is((await ended('good')).type, 'done')
})

test('who closes the socket leaves its provider at once and is billed what came', async t => {
  const { socket, request, messages, caller } = await connectTenant(t)
  request('a', '[[sim:drip ms=20000]] left alone', { model: 'sim-gemini' })
  await messages.until(items => items.some(({ type }) => type === 'begin'))
  socket.terminate()
  const calls = (): ReturnType<TestApi['simulator']['calls']> => api.simulator.calls().filter(({ model }) => model === 'sim-gemini')
  await until('the provider is left', () => calls().length === 1 && calls()[0]!.aborted)
  let rows: Array<Record<string, unknown>> = []
  while (rows.length === 0) {
    await api.gateway.journal.flush()
    rows = (await api.pool.query<Record<string, unknown>>('SELECT * FROM usage WHERE key_id = $1', [caller.keyId])).rows
  }
  t.like(rows[0], { status: 499, error_code: 'client_gone', endpoint: '/v1/chat/completions' })
  t.true(Number(rows[0]!.cost) > 0)
  t.not(rows[0]!.flags, 0, 'marked as estimated')
})

test('Socket.IO is served beside it', async t => {
  const socket = io(`${api.url}/jobs`, { auth: { key: api.key }, transports: ['websocket'], forceNew: true })
  t.teardown(() => { socket.disconnect() })
  await new Promise<void>((resolve, reject) => { socket.once('connect', resolve).once('connect_error', reject) })
  t.true(socket.connected)
})

test('a message of 3 MB reaches the provider whole, and what comes behind it keeps its place', async t => {
  const { request, send, ended, of } = await connectTenant(t)
  const text = 'All work and no play makes a dull day. '.repeat(80_000)
  request('large', text, { stream_options: { include_usage: true } })
  request('small', 'Hi')
  t.is((await ended('large')).type, 'done')
  t.is((await ended('small')).type, 'done')
  const usage = of('large').map(({ data }) => (data as unknown as { usage?: { prompt_tokens: number } } | undefined)?.usage).find(found => found != null)
  t.true(usage!.prompt_tokens > text.length / 4)
  request('cancelled', `[[sim:delay=20000]] ${text}`)
  send({ type: 'cancel', id: 'cancelled' })
  t.is((await ended('cancelled')).type, 'cancelled')
})

test('large and hostile messages are answered with a code, and nothing reaches the provider', async t => {
  const { socket, send, messages, request, ended } = await connectTenant(t)
  const calls = (): number => api.simulator.calls().filter(({ model }) => model === 'sim-hostile').length
  const valid = { model: 'sim-hostile', messages: [{ role: 'user', content: 'Hi' }] }
  const padded = { ...valid, padding: 'x'.repeat(1_500_000) }
  const text = (id: string, body: object, more: string): string => JSON.stringify({ type: 'request', id, body }).slice(0, -2) + `,${more}}}`
  const deep = `"x":${'['.repeat(100_000)}${']'.repeat(100_000)}`
  const tools = { tools: Array.from({ length: 10_000 }, () => ({ type: 'function', function: { name: 't' } })) }
  const wrong: Array<[message: unknown, code: string, id: string | undefined]> = [
    ...[valid, padded].flatMap((body): Array<[unknown, string, string | undefined]> => [
      [text('deep', body, deep), 'invalid_json', 'deep'],
      [text('number', body, '"max_tokens":1e999'), 'invalid_parameter', 'number'],
      [text('twice', body, '"n":1,"n":"x"'), 'invalid_parameter', 'twice'],
      [{ type: 'request', id: 'tools', body: { ...body, ...tools } }, 'invalid_parameter', 'tools'],
      [{ type: 'request', id: 'role', body: { ...body, messages: [{ role: 'wizard', content: 'Hi' }] } }, 'invalid_parameter', 'role'],
      [{ type: 'request', id: 'part', body: { ...body, messages: [{ role: 'user', content: [{ type: 'toString' }] }] } }, 'invalid_parameter', 'part'],
      [{ type: 'request', id: 'model', body: { ...body, model: '__proto__' } }, 'model_not_found', 'model'],
      [{ type: 'request', body }, 'invalid_parameter', undefined],
      [JSON.stringify({ type: 'request', id: 'end', body }).slice(0, -1), 'invalid_json', undefined]
    ])
  ]
  for (const [index, [message, code, id]] of wrong.entries()) {
    send(message)
    await messages.until(items => items.length === index + 1)
    const answer = messages.items[index]!
    const what = typeof message === 'string' ? message.slice(0, 60) : JSON.stringify(message).slice(0, 60)
    t.like(answer, { type: 'error', error: { code } }, `${what}: ${JSON.stringify(answer)}`)
    t.is(answer.id, id, what)
  }
  t.is(calls(), 0)
  request('good', 'Hi')
  t.is((await ended('good')).type, 'done')
  const closed = once(socket, 'close') as Promise<[number]>
  socket.send('x'.repeat(4 * 1024 * 1024 + 1))
  t.is((await closed)[0], 1009, 'larger than any message')
})

test('a socket that sends invalid UTF-8 is closed as RFC 6455 has it', async t => {
  const { socket } = await connectTenant(t)
  const closed = once(socket, 'close') as Promise<[number]>
  socket.send(Buffer.from([0x7b, 0xc3, 0x28, 0x7d]), { binary: false })
  t.is((await closed)[0], 1007)
})
