import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { FastifyInstance } from 'fastify'
import { answerDirectly, tellDirectFailures } from '../../api/gateway/direct.ts'
import { SiraError } from '../../lib/errors.ts'

const known = { keyId: 'key_1', organizationId: 'org_1', projectId: 'proj_1', scopes: ['inference'], models: null }
const callers: Readonly<Record<string, object>> = { known, narrow: { ...known, scopes: ['batches'] }, bound: { ...known, allowedIps: ['10.0.0.0/8'] } }

interface Served {
  readonly port: number
  /** On the connection from this port. */
  readonly bytesRead: (from: number) => number
}

/**
 * A server with the direct way before it, to a gateway that refuses everything. What reaches it is answered `through <body>`, what was
 * refused on the direct way `directly <code>`.
 */
async function serve (t: ExecutionContext, logLevel = 'info'): Promise<Served> {
  let failureOf: (raw: IncomingMessage) => unknown = () => undefined
  const server = createServer((raw: IncomingMessage, reply: ServerResponse) => {
    const failure = failureOf(raw)
    if (failure instanceof SiraError) reply.end(`directly ${failure.code}`)
    else text(raw).then(body => { reply.end(`through ${body}`) }, () => { reply.destroy() })
  })
  const app = {
    server,
    surfaces: new Map([['/v1/chat/completions', { endpoint: '/v1/chat/completions', checkBody () {} }]]),
    dependencies: {
      control: { known: (key: string) => callers[key] ?? null },
      config: { logLevel, api: { bodyLimit: 200 } },
      gateway: { state () { throw new SiraError('unavailable', { dependency: 'The test' }) } }
    },
    addHook (_name: string, hook: (request: object, reply: object, done: (error?: unknown) => void) => void) {
      failureOf = raw => {
        let told: unknown
        hook({ raw }, {}, error => { told = error })
        return told
      }
    }
  } as unknown as FastifyInstance
  tellDirectFailures(app)
  answerDirectly(app)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const sockets = new Map<number, Socket>()
  server.on('connection', socket => { sockets.set(socket.remotePort!, socket) })
  return { port: (server.address() as AddressInfo).port, bytesRead: from => sockets.get(from)?.bytesRead ?? 0 }
}

interface Sent { readonly line?: string, readonly key?: string, readonly type?: string, readonly length?: string, readonly body?: string }

const head = ({ line = 'POST /v1/chat/completions', key = 'known', type = 'application/json', body = '{}', length = `content-length: ${Buffer.byteLength(body)}` }: Sent): string =>
  `${line} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer ${key}\r\ncontent-type: ${type}\r\nconnection: close\r\n${length}\r\n\r\n`

/** What is answered to pieces of a request, each sent when the one before has been read, and after so many ms. */
async function answerTo ({ port, bytesRead }: Served, ...pieces: Array<string | number>): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const from = socket.localPort! // unknown once it is closed
  const answer = text(socket)
  let sent = 0
  for (const piece of pieces) {
    if (typeof piece === 'number') {
      await sleep(piece)
      continue
    }
    socket.write(piece)
    sent += Buffer.byteLength(piece)
    while (bytesRead(from) < sent) await sleep(1)
  }
  return (await answer).split('\r\n\r\n')[1]!
}

test('a plain request of a known key goes the direct way, with its body beside its headers or a little later', async t => {
  const served = await serve(t)
  t.is(await answerTo(served, head({}) + '{}'), 'directly unavailable')
  t.is(await answerTo(served, head({}), '{}'), 'directly unavailable')
})

test('what fails on the direct way is told as it was found, and its body is not read twice', async t => {
  const served = await serve(t)
  t.is(await answerTo(served, head({ body: '{' }) + '{'), 'directly invalid_json')
  t.is(await answerTo(served, head({ body: '[]' }) + '[]'), 'directly invalid_json')
})

const others: Readonly<Record<string, Sent & { readonly sent?: string }>> = {
  'another URL': { line: 'POST /v1/files' },
  'a query in its URL': { line: 'POST /v1/chat/completions?a=1' },
  'another method': { line: 'PUT /v1/chat/completions' },
  'another content type': { type: 'text/plain' },
  'parameters in its content type': { type: 'application/json; charset=utf-8' },
  'a body whose length is not told': { length: 'transfer-encoding: chunked', sent: '2\r\n{}\r\n0\r\n\r\n' },
  'a body beyond the limit': { body: `{"a":"${'x'.repeat(300)}"}` },
  'no body': { body: '' },
  'an unknown key': { key: 'unknown' },
  'a key without the scope': { key: 'narrow' },
  'a key that is bound to addresses': { key: 'bound' }
}

for (const [what, sent] of Object.entries(others)) {
  test(`a request with ${what} does not go the direct way, and loses nothing`, async t => {
    const body = sent.body ?? '{}'
    const served = await serve(t)
    t.is(await answerTo(served, head(sent) + (sent.sent ?? body)), `through ${body}`)
  })
}

test('a body that comes in parts, or long after its headers, does not go the direct way, and loses nothing', async t => {
  const served = await serve(t)
  const whole = '{"a":"bc"}'
  const begin = head({ body: whole })
  t.is(await answerTo(served, begin + whole.slice(0, 4), whole.slice(4)), `through ${whole}`)
  t.is(await answerTo(served, begin, whole.slice(0, 4), whole.slice(4)), `through ${whole}`)
  t.is(await answerTo(served, begin, 120, whole), `through ${whole}`)
})

test('a client that leaves before its body comes leaves nothing behind', async t => {
  const served = await serve(t)
  const socket = connect(served.port, '127.0.0.1')
  socket.write(head({}))
  await sleep(10)
  socket.destroy()
  await sleep(80)
  t.is(await answerTo(served, head({}) + '{}'), 'directly unavailable')
})

test('where every request is to be logged none goes the direct way', async t => {
  for (const level of ['debug', 'trace']) t.is(await answerTo(await serve(t, level), head({}) + '{}'), 'through {}')
})
