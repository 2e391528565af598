import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { createGuardedAgent } from '../../../lib/outbound/guarded-agent.ts'
import type { NameLookup } from '../../../lib/outbound/name-lookup.ts'
import { post } from '../../../lib/outbound/post.ts'
import type { PostOutcome, PostRequest } from '../../../lib/outbound/post.ts'
import { createCertificate } from './_certificate.ts'
import { httpAnswer, startReceiver } from './_receiver.ts'

const policy = { allowHttp: true, ports: 'any', allowedNetworks: ['127.0.0.0/8'], denyOwnAddresses: true } as const
/** A name takes this long to resolve, so that its time shows. */
const lookupTakes = 30
/** ms within which a request reaches its receiver even on a machine with ten times more to do than it can; such tests take that long. */
const tight = 4_000

interface Given extends Partial<PostRequest> { readonly connectTimeout?: number, readonly lookup?: NameLookup }

function poster (t: ExecutionContext, { connectTimeout = 10_000, lookup, ...given }: Given = {}): (url: string) => Promise<PostOutcome> {
  const slowly: NameLookup = async () => {
    await new Promise(resolve => setTimeout(resolve, lookupTakes))
    return ['127.0.0.1']
  }
  const agent = createGuardedAgent(policy, { connectTimeout, lookup: lookup ?? slowly })
  t.teardown(async () => { await agent.destroy() })
  const fixed = { headers: { 'content-type': 'application/json', 'x-own': 'yes' }, body: '{"a":"ü"}', deadline: 30_000, maxResponseBytes: 16_384, signal: new AbortController().signal, ...given }
  return async url => await post(agent, { url, ...fixed })
}

async function receive (t: ExecutionContext, answer: (socket: Socket, received: string) => void): Promise<{ url: string, closed: Promise<void>, connections: () => number }> {
  let close = (): void => {}
  const closed = new Promise<void>(resolve => { close = resolve })
  const receiver = await startReceiver(t, '127.0.0.1', (socket, received) => {
    socket.once('close', close)
    answer(socket, received)
  })
  return { url: `http://hooks.example.com:${receiver.port}/in?x=1`, closed, connections: receiver.connections }
}

test('the request arrives as given, and the answer comes back with its headers', async t => {
  let request = ''
  const { url } = await receive(t, (socket, received) => {
    request = received
    socket.write(httpAnswer('thanks', { status: '202 Accepted', headers: ['X-Trace: 7', 'set-cookie: session=1', 'retry-after: 120'] }))
  })
  const outcome = await poster(t)(url)
  t.regex(request, /^POST \/in\?x=1 HTTP\/1\.1\r\nhost: hooks\.example\.com:\d+\r\n/)
  t.regex(request, /\r\nx-own: yes\r\n/)
  t.is(Buffer.from(request.split('\r\n\r\n')[1]!, 'latin1').toString(), '{"a":"ü"}')
  t.like(outcome, { status: 202, errorClass: null, errorMessage: null, address: '127.0.0.1', body: 'thanks', retryAfter: 120_000 })
  t.deepEqual(outcome.headers, { 'content-length': '6', 'x-trace': '7', 'retry-after': '120' })
})

test('times are split on a new connection, and only the exchange counts on one that served before', async t => {
  const answerAfter = 40
  const { url, connections } = await receive(t, socket => { setTimeout(() => socket.write(httpAnswer('ok')), answerAfter) })
  const send = poster(t)
  const first = await send(url)
  await connectionIsFree()
  const second = await send(url)
  t.is(connections(), 1)
  t.true(first.timing.dns! >= lookupTakes - 2, JSON.stringify(first.timing))
  t.true(first.timing.connect! >= 0)
  t.is(first.timing.tls, null)
  t.true(first.timing.firstByte! >= answerAfter - 2)
  t.true(first.timing.total >= first.timing.dns! + first.timing.firstByte! - 2)
  t.like(second.timing, { dns: null, connect: null, tls: null })
  t.true(second.timing.firstByte! >= answerAfter - 2)
  t.is(second.address, '127.0.0.1')
})

/** undici gives a connection back in the turn after its answer ended; a request before that opens another. */
const connectionIsFree = async (): Promise<void> => { await new Promise(resolve => setImmediate(() => setImmediate(resolve))) }

test('statuses of every class are answers, and informational ones are not', async t => {
  for (const status of ['204 No Content', '301 Moved', '404 Not Found', '410 Gone', '429 Too Many', '500 Oops', '599 Odd']) {
    const { url } = await receive(t, socket => { socket.write(`HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 ${status}\r\n${status.startsWith('204') ? '' : 'content-length: 0\r\n'}\r\n`) })
    t.like(await poster(t)(url), { status: Number(status.slice(0, 3)), errorClass: null, body: '' }, status)
  }
})

test('a receiver that never answers ends at the deadline, and its connection is closed', async t => {
  const { url, closed } = await receive(t, () => {})
  const outcome = await poster(t, { deadline: tight })(url)
  t.like(outcome, { status: null, errorClass: 'timeout', address: '127.0.0.1', body: '' })
  t.true(outcome.timing.total >= tight - 2)
  await closed
})

test('headers that drip end at the deadline', async t => {
  const { url, closed } = await receive(t, socket => { drip(socket, `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(10_000)}`) })
  t.like(await poster(t, { deadline: tight })(url), { status: null, errorClass: 'timeout' })
  await closed
})

test('a body that drips ends at the deadline: its status is known, and what came of it', async t => {
  const { url, closed } = await receive(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nstart ')
    drip(socket, 'x'.repeat(10_000))
  })
  const outcome = await poster(t, { deadline: tight })(url)
  t.like(outcome, { status: 200, errorClass: null })
  t.regex(outcome.body, /^start x*$/)
  await closed
})

function drip (socket: Socket, text: string): void {
  let place = 0
  const timer = setInterval(() => socket.write(text[place++] ?? ''), 10)
  socket.on('close', () => { clearInterval(timer) })
}

test('of a huge answer no more than the limit is read, and the connection is closed', async t => {
  let sent = 0
  const { url, closed } = await receive(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n')
    const more = (): void => {
      while (!socket.destroyed && socket.write('z'.repeat(65_536))) sent += 65_536
      socket.once('drain', more)
    }
    more()
  })
  const outcome = await poster(t)(url)
  t.is(outcome.status, 200)
  t.is(outcome.body, 'z'.repeat(16_384))
  await closed
  t.true(sent < 64 * 1024 * 1024, `${sent} bytes left the receiver`)
})

test('an answer that is no text becomes text that Postgres takes, without half a character at the cut', async t => {
  const send = poster(t, { maxResponseBytes: 16 })
  const answers: Array<[given: Buffer, shown: string]> = [
    [Buffer.from([0x61, 0xff, 0xfe, 0x00, 0x62]), 'a\ufffd\ufffd\ufffdb'],
    [Buffer.from('tab\tline\n\u001b[31m\u202e'), 'tab\tline\n\ufffd[31m'],
    [Buffer.from('123456789012345ü'), '123456789012345'],
    [Buffer.from('12345678901234😀😀'), '12345678901234'],
    [Buffer.from([0xed, 0xa0, 0x80]), '\ufffd\ufffd\ufffd']
  ]
  for (const [given, shown] of answers) {
    const { url } = await receive(t, socket => { socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${given.length}\r\n\r\n`), given])) })
    const { body } = await send(url)
    t.is(body, shown)
    t.is(Buffer.from(body).toString(), body) // no half of a surrogate pair
  }
})

test('many and long headers are kept within bounds, and more of them than HTTP allows is a failure', async t => {
  const many = await receive(t, socket => { socket.write(httpAnswer('', { headers: [...Array.from({ length: 50 }, (_, index) => `x-${index}: ${'v'.repeat(index === 3 ? 3_000 : 5)}`), '__proto__: x', 'x-raw: a\x01'.replace('\x01', '\t')] })) })
  const outcome = await poster(t)(many.url)
  t.is(Object.keys(outcome.headers).length, 32)
  t.is(outcome.headers['x-3']?.length, 256)
  t.is(Object.getPrototypeOf(outcome.headers), Object.prototype)
  const huge = await receive(t, socket => { socket.write(httpAnswer('', { headers: [`x: ${'v'.repeat(100_000)}`] })) })
  t.like(await poster(t)(huge.url), { status: null, errorClass: 'response', body: '' })
})

test('what is no HTTP is a failure of the response', async t => {
  for (const text of ['220 mail.example.com ESMTP\r\n', 'HTTP/9.9 200 OK\r\n\r\n', 'HTTP/1.1 abc\r\n\r\n', '\0\0\0\0']) {
    const { url } = await receive(t, socket => { socket.write(text) })
    t.like(await poster(t)(url), { status: null, errorClass: 'response' }, text)
  }
})

test('a connection that is closed or reset without an answer is a reset, and a refused one a failure to connect', async t => {
  const ended = await receive(t, socket => { socket.end() })
  t.like(await poster(t)(ended.url), { status: null, errorClass: 'reset', address: '127.0.0.1' })
  const reset = await receive(t, socket => { socket.resetAndDestroy() })
  t.like(await poster(t)(reset.url), { status: null, errorClass: 'reset' })
  const half = await receive(t, socket => { socket.end('HTTP/1.1 200 OK\r\ncontent-le') })
  t.like(await poster(t)(half.url), { status: null, errorClass: 'reset' })
  // port 1 of another loopback address: nobody listens there
  t.like(await poster(t)('http://127.0.0.9:1/'), { status: null, errorClass: 'connect', errorMessage: 'The connection could not be opened (ECONNREFUSED).', address: '127.0.0.9' })
})

test('a body cut by a reset leaves the status that came before', async t => {
  const { url } = await receive(t, socket => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\npart', () => { setTimeout(() => { socket.resetAndDestroy() }, 20) })
  })
  t.like(await poster(t)(url), { status: 200, errorClass: null, body: 'part' })
})

test('names that do not resolve, or not in time, are failures of dns and tell no name server', async t => {
  const unknown = poster(t, { lookup: async () => { throw Object.assign(new Error('queryA ENOTFOUND at 10.9.8.7'), { code: 'ENOTFOUND' }) } })
  t.like(await unknown('http://nobody.example.com/'), { status: null, errorClass: 'dns', errorMessage: 'The name of the host could not be resolved (ENOTFOUND).', address: null })
  t.is((await poster(t, { lookup: async () => [] })('http://empty.example.com/')).errorClass, 'dns')
  const silent = poster(t, { connectTimeout: 100, lookup: async () => await new Promise<never>(() => {}) })
  t.like(await silent('http://silent.example.com/'), { status: null, errorClass: 'dns', errorMessage: 'The name of the host could not be resolved (no answer in time).' })
})

test('a receiver that speaks no TLS, or never answers the handshake, is a failure of TLS', async t => {
  const mute = await startReceiver(t, '127.0.0.1')
  t.like(await poster(t, { connectTimeout: tight })(`https://127.0.0.1:${mute.port}/`), { status: null, errorClass: 'tls', address: '127.0.0.1' })
  const plain = createHttpServer().listen(0, '127.0.0.1')
  await once(plain, 'listening')
  t.teardown(() => { plain.close() })
  const outcome = await poster(t)(`https://127.0.0.1:${(plain.address() as AddressInfo).port}/`)
  t.like(outcome, { status: null, errorClass: 'tls', address: '127.0.0.1' })
  t.regex(outcome.errorMessage!, /\(E\w+\)/)
})

test('certificates that nobody vouches for, or that are over, are failures of TLS and get no request', async t => {
  for (const [certificate, code] of [[createCertificate('hooks.example.com'), 'DEPTH_ZERO_SELF_SIGNED_CERT'], [createCertificate('hooks.example.com', -1), 'CERT_HAS_EXPIRED|DEPTH_ZERO_SELF_SIGNED_CERT']] as const) {
    let requests = 0
    const server = createServer(certificate, (_request, response) => {
      requests += 1
      response.end()
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.teardown(() => { server.close() })
    const outcome = await poster(t)(`https://hooks.example.com:${(server.address() as AddressInfo).port}/`)
    t.like(outcome, { status: null, errorClass: 'tls', address: '127.0.0.1' })
    t.regex(outcome.errorMessage!, new RegExp(code))
    t.is(requests, 0)
  }
})

test('Retry-After is taken as seconds or as a date, and what is absurd is left out', async t => {
  const asked = async (value: string): Promise<number | null> => {
    const { url } = await receive(t, socket => { socket.write(httpAnswer('', { status: '429 Slow', headers: [`retry-after: ${value}`] })) })
    return (await poster(t)(url)).retryAfter
  }
  t.is(await asked('30'), 30_000)
  t.is(await asked('0'), 0)
  const inAMinute = await asked(new Date(Date.now() + 60_000).toUTCString())
  t.true(inAMinute! > 30_000 && inAMinute! <= 60_000)
  for (const absurd of ['-5', '1e3', 'soon', '', '99999999999', '2592001', 'Wed, 21 Oct 2015 07:28:00 GMT', 'Wed, 21 Oct 2215 07:28:00 GMT']) t.is(await asked(absurd), null, absurd)
})

test('an abort rejects with its reason and closes the connection; one that came before sends nothing', async t => {
  const controller = new AbortController()
  const reason = new Error('shutting down')
  const { url, closed, connections } = await receive(t, () => { controller.abort(reason) })
  const send = poster(t, { signal: controller.signal })
  t.is(await t.throwsAsync(send(url)), reason)
  await closed
  t.is(await t.throwsAsync(send(url)), reason)
  t.is(connections(), 1)
})

test('headers that HTTP cannot carry, URLs that are none and a closed agent reject: they say nothing about the receiver', async t => {
  await t.throwsAsync(poster(t, { headers: { 'x-a': 'b\r\nx-c: d' } })('http://hooks.example.com/'), { instanceOf: TypeError })
  await t.throwsAsync(poster(t)('nowhere'), { instanceOf: TypeError })
  const agent = createGuardedAgent(policy, { connectTimeout: 1_000 })
  await agent.close()
  await t.throwsAsync(post(agent, { url: 'http://127.0.0.1:1/', headers: {}, body: '', deadline: 1_000, maxResponseBytes: 1, signal: new AbortController().signal }), { message: /closed|destroyed/ })
})
