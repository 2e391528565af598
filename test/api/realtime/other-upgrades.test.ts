import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { WebSocket } from 'ws'
import { startTestApi, type TestApi } from '../../support/api.ts'
import { createTestTenant } from '../../support/tenant.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const offer = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA']
const bodyOf = (content: string, more: object = {}): string => JSON.stringify({ model: 'sim-instant', messages: [{ role: 'user', content }], ...more })

interface Connection {
  readonly socket: Socket
  /** Resolves with all that has come when it matches. */
  readonly until: (pattern: RegExp) => Promise<string>
}

async function open (t: ExecutionContext): Promise<Connection> {
  const { hostname, port } = new URL(api.url)
  const socket = connect(Number(port), hostname)
  t.teardown(() => { socket.destroy() })
  await once(socket, 'connect')
  let seen = ''
  let ended = false
  socket.on('data', (data: Buffer) => { seen += data.toString('latin1') }).on('end', () => { ended = true })
  return {
    socket,
    async until (pattern) {
      while (!pattern.test(seen)) {
        if (ended) throw new Error(`ended after: ${seen}`)
        await Promise.race([once(socket, 'data'), once(socket, 'end')])
      }
      const all = seen
      seen = ''
      return all
    }
  }
}

function head (body: string, lines: readonly string[] = offer): string {
  return ['POST /v1/chat/completions HTTP/1.1', 'Host: sira', `Authorization: Bearer ${api.key}`, 'Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`, ...lines, '', ''].join('\r\n')
}

test('a request that offers h2c is answered as if it had not, and so is the next on its connection', async t => {
  const { socket, until } = await open(t)
  for (const content of ['the first, grüßend', 'the second']) {
    const body = bodyOf(content)
    socket.write(head(body) + body)
    const answer = await until(/"rejected_prediction_tokens":0\}+$/)
    t.regex(answer, /^HTTP\/1\.1 200 OK/)
    t.notRegex(answer, /^connection: close/im)
  }
  socket.write(head(bodyOf('no more'), []) + bodyOf('no more'))
  t.regex(await until(/"rejected_prediction_tokens":0\}+$/), /^HTTP\/1\.1 200 OK/)
})

test('a body that comes behind an offer in pieces is read whole', async t => {
  const { socket, until } = await open(t)
  const body = bodyOf(`${'x'.repeat(40_000)} end`)
  socket.write(head(body))
  for (let start = 0; start < body.length; start += 15_000) {
    await sleep(20)
    socket.write(body.slice(start, start + 15_000))
  }
  t.regex(await until(/"rejected_prediction_tokens":0\}+$/), /^HTTP\/1\.1 200 OK/)
  t.is(api.simulator.calls().at(-1)!.status, 200)
})

test('a stream is answered behind an offer, and a connection that was to close closes', async t => {
  const { socket, until } = await open(t)
  const body = bodyOf('Hello', { stream: true })
  socket.write(head(body, ['Connection: close, Upgrade', 'Upgrade: h2c']) + body)
  t.regex(await until(/data: \[DONE\]/), /^HTTP\/1\.1 200 OK[\s\S]*text\/event-stream/)
  await once(socket, 'close')
  t.pass()
})

for (const path of ['/v1/realtime', '/api/v1/chat/streams', '/']) {
  test(`a WebSocket at ${path}, where there is none, is refused at once in the words of the API`, async t => {
    const socket = new WebSocket(`${api.url.replace('http', 'ws')}${path}`, { headers: { authorization: `Bearer ${api.key}` } })
    socket.on('error', () => {}) // comes after the answer that is looked at
    const [, response] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number }]
    t.is(response.statusCode, 404)
    socket.terminate()
  })
}

test('an offer with more headers than Node keeps is refused: the length of its body might be among those dropped', async t => {
  const { socket, until } = await open(t)
  socket.write(head('', [...Array.from({ length: 1_100 }, (_, index) => `a${index}:`), ...offer]))
  t.regex(await until(/"code":"headers_too_large"/), /^HTTP\/1\.1 431/)
})

test('a chat socket whose key is looked up for longer than a second is opened', async t => {
  const { key } = await createTestTenant(api.pool)
  const locking = await api.pool.connect()
  await locking.query('BEGIN')
  await locking.query('LOCK TABLE api_key IN ACCESS EXCLUSIVE MODE')
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/api/v1/chat/stream`, { headers: { authorization: `Bearer ${key}` } })
  t.teardown(() => { socket.terminate() })
  const opened = once(socket, 'open')
  await Promise.race([opened, sleep(1_300)])
  t.is(socket.readyState, WebSocket.CONNECTING)
  await locking.query('COMMIT')
  locking.release()
  await opened
  t.is(socket.readyState, WebSocket.OPEN)
})
