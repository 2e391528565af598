import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { errorDefinitions } from '../../lib/errors.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'

const bodyLimit = 64 * 1024
const timeout = 1_000
let api: TestApi
test.before(async () => { api = await startTestApi({ variables: { SIRA_BODY_LIMIT_BYTES: String(bodyLimit), SIRA_REQUEST_TIMEOUT_MS: String(timeout) } }) })
test.after.always(async () => { await api.close() })

type Assertions = { is: (actual: unknown, expected: unknown, message?: string) => void, regex: (text: string, pattern: RegExp, message?: string) => void, deepEqual: (actual: unknown, expected: unknown, message?: string) => void }

/** The same refusal in the envelope of the path's dialect, with everything that belongs to it. */
function assertError (t: Assertions, answer: Pick<Answer, 'status' | 'headers' | 'body'>, dialect: 'openai' | 'native', code: keyof typeof errorDefinitions, param?: string | null): void {
  const { status, type } = errorDefinitions[code]
  t.is(answer.status, status, code)
  t.regex(answer.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{32}$/)
  t.is(answer.headers.get('x-should-retry'), status < 500 && status !== 408 ? 'false' : null, code)
  if (dialect === 'openai') {
    t.regex(answer.headers.get('content-type') ?? '', /^application\/json/)
    t.deepEqual(Object.keys(answer.body), ['error'])
    t.deepEqual(Object.keys(answer.body.error).sort(), ['code', 'message', 'param', 'type'])
    t.is(answer.body.error.code, code)
    t.is(answer.body.error.type, type)
    if (param !== undefined) t.is(answer.body.error.param, param)
  } else {
    t.regex(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
    t.is(answer.body.code, code)
    t.is(answer.body.status, status)
    t.is(answer.body.request_id, answer.headers.get('x-request-id'))
    t.is(typeof answer.body.type, 'string')
    t.is(typeof answer.body.title, 'string')
    t.is(typeof answer.body.detail, 'string')
    if (param !== undefined) t.is(answer.body.param ?? null, param)
  }
}

const dialects = [
  { dialect: 'openai', create: '/v1/batches', missing: '/v1/batches/batch_0', list: '/v1/batches', unknown: '/v1/nothing' },
  { dialect: 'native', create: '/api/v1/batch', missing: '/api/v1/batch/batch_0/status', list: '/api/v1/batch', unknown: '/api/v1/nothing' }
] as const
const json = { 'content-type': 'application/json' }

for (const { dialect, create, missing, list, unknown } of dialects) {
  test(`what a route refuses comes in the ${dialect} envelope`, async t => {
    assertError(t, await call(api, 'GET', missing), dialect, 'not_found')
    assertError(t, await call(api, 'GET', list, { key: null }), dialect, 'invalid_api_key')
    assertError(t, await call(api, 'GET', unknown), dialect, 'unknown_route')
    assertError(t, await call(api, 'GET', unknown, { key: null }), dialect, 'unknown_route')
    assertError(t, await call(api, 'POST', create, { body: {} }), dialect, 'missing_parameter')
    // bodies that may be large are read by hand, those of models too
    assertError(t, await call(api, 'POST', create, { body: [] }), dialect, dialect === 'native' ? 'invalid_json' : 'invalid_parameter')
    assertError(t, await call(api, 'POST', create, { body: '{"input_file_id": ' }), dialect, 'invalid_json')
    assertError(t, await call(api, 'POST', create, { body: '', headers: json }), dialect, 'invalid_json')
    assertError(t, await call(api, 'POST', create, { body: '{"__proto__": {"a": 1}}' }), dialect, 'invalid_json')
    assertError(t, await call(api, 'POST', create, { body: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } }), dialect, 'unsupported_media_type')
    assertError(t, await call(api, 'POST', create, { body: 'x', headers: { 'content-type': 'no type' } }), dialect, 'unsupported_media_type')
    assertError(t, await call(api, 'POST', create, { body: {}, headers: { 'content-encoding': 'gzip' } }), dialect, 'unsupported_media_type')
    t.is((await call(api, 'GET', list, { headers: { 'content-encoding': 'gzip' } })).status, 200, 'there is no body')
    assertError(t, await call(api, 'POST', create, { body: JSON.stringify({ metadata: 'x'.repeat(bodyLimit) }) }), dialect, 'payload_too_large')
    assertError(t, await call(api, 'POST', create, { body: `{"requests":${'['.repeat(20_000)}${']'.repeat(20_000)}}` }), dialect, 'invalid_json')
    assertError(t, await call(api, 'GET', `${list}/${'x'.repeat(300)}`), dialect, 'invalid_request')
    assertError(t, await call(api, 'GET', `${list}/%zz`), dialect, 'invalid_request')
  })

  test(`invalid query values are refused by name in the ${dialect} envelope`, async t => {
    for (const [query, param] of [['limit=0', 'limit'], ['limit=101', 'limit'], ['limit=ten', 'limit'], ['limit=1.5', 'limit'], ['limit=', 'limit'], [`after=${'x'.repeat(201)}`, 'after']] as const) {
      assertError(t, await call(api, 'GET', `${list}?${query}`), dialect, 'invalid_parameter', param)
    }
  })

  test(`a method that a known path does not have is 405 with Allow in the ${dialect} envelope`, async t => {
    const put = await call(api, 'PUT', create, { body: {} })
    assertError(t, put, dialect, 'method_not_allowed')
    t.is(put.headers.get('allow'), 'GET, HEAD, POST')
    const patch = await call(api, 'PATCH', missing, { key: null })
    assertError(t, patch, dialect, 'method_not_allowed')
    t.is(patch.headers.get('allow'), 'GET, HEAD')
  })
}

test('a wildcard in a route takes part in 405 and does not make other paths known', async t => {
  t.is((await call(api, 'DELETE', '/v1/models/ft:sim-fast:a/b')).headers.get('allow'), 'GET, HEAD')
  for (const path of ['/', '/v1', '/v1/', '/v1/models/', '/v1/batches/a/b', '/api/v1', '/v2/batches', '/v1/batchesX']) t.is((await call(api, 'PUT', path)).status, 404, path)
})

test('every answer has a request id of its own, whatever the caller sends as one', async t => {
  const ids = new Set<string>()
  for (const path of ['/livez', '/readyz', '/openapi.json', '/docs/', '/v1/models', '/api/v1/jobs', '/v1/files', '/nothing']) {
    const answer = await call(api, 'GET', path, { headers: { 'x-request-id': 'req_forged', 'request-id': 'req_forged' } })
    t.regex(answer.headers.get('x-request-id') ?? '', /^req_[0-9a-f]{32}$/, path)
    ids.add(answer.headers.get('x-request-id')!)
  }
  t.is(ids.size, 8)
})

test('a request body may be as large as the limit, and one byte more is told the limit', async t => {
  const padded = (bytes: number): string => {
    const empty = JSON.stringify({ input_file_id: 'file-1', endpoint: '/v1/embeddings', completion_window: '24h' })
    return empty + ' '.repeat(bytes - empty.length)
  }
  t.is((await call(api, 'POST', '/v1/batches', { body: padded(bodyLimit) })).status, 200)
  const answer = await call(api, 'POST', '/v1/batches', { body: padded(bodyLimit + 1) })
  t.is(answer.status, 413)
  t.true((answer.body.error.message as string).includes(String(bodyLimit)))
})

// What fetch would not send: raw bytes on a socket.

interface RawAnswer extends Pick<Answer, 'status' | 'headers' | 'body'> { readonly ms: number }

/** Everything that comes until the server closes the connection. */
async function readAll (socket: Socket): Promise<RawAnswer> {
  const started = performance.now()
  const pieces: Buffer[] = []
  socket.on('data', piece => { pieces.push(piece) })
  socket.on('error', () => {}) // a reset is an end too
  await once(socket, 'close')
  const [head = '', body = ''] = Buffer.concat(pieces).toString().split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = new Headers(lines.map(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as [string, string]))
  return { status: Number(statusLine.split(' ')[1]), headers, body: body === '' ? {} : JSON.parse(body) as unknown, ms: performance.now() - started }
}

async function open (): Promise<Socket> {
  const { hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

const head = (line: string, fields: Readonly<Record<string, string | number>> = {}): string =>
  [line, 'host: test', `authorization: Bearer ${api.key}`, ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')

for (const { dialect, create, list } of dialects) {
  test(`headers that are too large are 431 in the ${dialect} envelope and the connection ends`, async t => {
    const socket = await open()
    socket.write(head(`GET ${list} HTTP/1.1`, { 'x-large': 'x'.repeat(40_000) }))
    const answer = await readAll(socket)
    assertError(t, answer, dialect, 'headers_too_large')
    t.is(answer.headers.get('connection'), 'close')
  })

  test(`a body that does not come is 408 in the ${dialect} envelope and the connection ends`, async t => {
    const socket = await open()
    socket.write(head(`POST ${create} HTTP/1.1`, { ...json, 'content-length': 100 }) + '{"input_file_id":')
    const answer = await readAll(socket)
    assertError(t, answer, dialect, 'request_timeout')
    t.is(answer.headers.get('connection'), 'close')
    t.true(answer.ms >= timeout * 0.9 && answer.ms < timeout * 10, `${answer.ms} ms`)
  })
}

test('a body that trickles is 408 all the same', async t => {
  const socket = await open()
  socket.on('error', () => {})
  socket.write(head('POST /v1/batches HTTP/1.1', { ...json, 'transfer-encoding': 'chunked' }))
  const trickle = setInterval(() => { socket.write('1\r\n \r\n') }, timeout / 10)
  const answer = await readAll(socket)
  clearInterval(trickle)
  assertError(t, answer, 'openai', 'request_timeout')
})

test('a body that turns out to be over the limit is refused while the client still sends', async t => {
  const socket = await open()
  socket.write(head('POST /v1/batches HTTP/1.1', { ...json, 'transfer-encoding': 'chunked' }))
  await sleep(timeout / 8) // the body comes after its headers
  const answer = readAll(socket)
  socket.write(chunk(' '.repeat(bodyLimit)))
  socket.write(chunk(' '.repeat(bodyLimit)))
  assertError(t, await answer, 'openai', 'payload_too_large')
})

test('a body that is slow but in time is taken', async t => {
  const body = JSON.stringify({ input_file_id: 'file-1', endpoint: '/v1/embeddings', completion_window: '24h' })
  const socket = await open()
  socket.write(head('POST /v1/batches HTTP/1.1', { ...json, 'content-length': body.length, connection: 'close' }) + body.slice(0, 10))
  await sleep(timeout / 4)
  socket.write(body.slice(10))
  const answer = await readAll(socket)
  t.is(answer.status, 200)
  t.is(answer.body.status, 'validating')
})

test('headers that do not come are 408 and the connection ends', async t => {
  const socket = await open()
  socket.write('GET /v1/batches HTTP/1.1\r\nhost: test\r\n')
  assertError(t, await readAll(socket), 'native', 'request_timeout')
})

test('a connection whose body never comes ends after the refusal as well', async t => {
  const socket = await open()
  socket.write('POST /v1/batches HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n')
  const answer = await readAll(socket)
  t.is(answer.status, 401)
  t.true(answer.ms < timeout * 10, `${answer.ms} ms`)
})

const formStart = '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--b\r\nContent-Disposition: form-data; name="file"; filename="slow.txt"\r\n\r\n'
const formHead = (): string => head('POST /v1/files HTTP/1.1', { 'content-type': 'multipart/form-data; boundary=b', 'transfer-encoding': 'chunked', connection: 'close' })
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

test('an upload may take longer than the time for a request while its bytes come', async t => {
  const socket = await open()
  socket.write(formHead() + chunk(formStart))
  const started = performance.now()
  while (performance.now() - started < timeout * 2.5) {
    await sleep(timeout / 8)
    socket.write(chunk('x'))
  }
  socket.write(chunk('\r\n--b--\r\n') + '0\r\n\r\n')
  const answer = await readAll(socket)
  t.is(answer.status, 200)
  t.is(answer.body.filename, 'slow.txt')
})

test('an upload whose bytes stop coming is ended and leaves nothing', async t => {
  const socket = await open()
  socket.write(formHead() + chunk(formStart) + chunk('half of it'))
  const { ms } = await readAll(socket)
  t.true(ms >= timeout * 0.9 && ms < timeout * 10, `${ms} ms`)
  t.is((await api.pool.query("SELECT FROM file WHERE filename = 'slow.txt' AND bytes = 10")).rowCount, 0)
})

test('bytes that are not HTTP are 400 and the connection ends', async t => {
  const socket = await open()
  socket.write('HELLO\r\n\r\n')
  assertError(t, await readAll(socket), 'native', 'invalid_request')
})

test('a body that is not as long as it says is refused', async t => {
  const socket = await open()
  socket.write(head('POST /v1/batches HTTP/1.1', { ...json, 'content-length': 'many' }) + '{}')
  t.is((await readAll(socket)).status, 400)
})
