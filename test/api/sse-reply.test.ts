import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import Fastify from 'fastify'
import { createSseReply, type SseReply } from '../../api/gateway/sse-reply.ts'

/** A server that answers every request with `write`, and a connection to it. */
async function open (t: ExecutionContext, write: (stream: SseReply) => Promise<void>): Promise<Socket> {
  const app = Fastify({ genReqId: () => 'req_test' })
  app.decorate('closingHeaders', () => [])
  app.get('/', async (request, reply) => {
    const stream = createSseReply(request, reply)
    stream.begin(['date', 'today'])
    await write(stream)
    return reply
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  t.teardown(async () => {
    socket.destroy()
    await app.close()
  })
  await once(socket, 'connect')
  return socket
}

/** The bytes of an answer after its headers, until they end so. */
async function bodyOf (socket: Socket, version: '1.0' | '1.1', end: string | null): Promise<string> {
  socket.write(`GET / HTTP/${version}\r\nhost: test\r\n\r\n`)
  const parts: Buffer[] = []
  for await (const part of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    parts.push(part)
    if (end !== null && Buffer.concat(parts).toString('utf8').endsWith(end)) break
  }
  const text = Buffer.concat(parts).toString('utf8')
  if (!text.startsWith('HTTP/1.1 200 OK\r\n')) throw new Error(`Not an answer: ${text.slice(0, 300)}`)
  return text.slice(text.indexOf('\r\n\r\n') + 4)
}

const nothing = (): void => {}

async function greet (stream: SseReply): Promise<void> {
  stream.write([{ name: null, data: '"Grüße 🌍"' }], nothing)
  stream.write([{ name: 'ping', data: '{}' }], nothing)
  await nextTurn()
  stream.comment('waiting')
  stream.end('data: [DONE]\n\n')
}

test('events that come together are one chunk with its length in bytes, and the connection serves the next request', async t => {
  const socket = await open(t, greet)
  const first = 'data: "Grüße 🌍"\n\nevent: ping\ndata: {}\n\n'
  const last = ': waiting\n\ndata: [DONE]\n\n'
  const expected = `${Buffer.byteLength(first).toString(16)}\r\n${first}\r\n${Buffer.byteLength(last).toString(16)}\r\n${last}\r\n0\r\n\r\n`
  t.is(await bodyOf(socket, '1.1', '0\r\n\r\n'), expected)
  t.is(await bodyOf(socket, '1.1', '0\r\n\r\n'), expected)
})

test('a stream that ends without a word more is a whole answer', async t => {
  const socket = await open(t, async stream => { stream.end('') })
  t.is(await bodyOf(socket, '1.1', '0\r\n\r\n'), '0\r\n\r\n')
})

test('a client of HTTP/1.0 gets the events without chunks, until the connection closes', async t => {
  const socket = await open(t, greet)
  t.is(await bodyOf(socket, '1.0', null), 'data: "Grüße 🌍"\n\nevent: ping\ndata: {}\n\n: waiting\n\ndata: [DONE]\n\n')
})

test('a client that does not read stops the writer, which goes on when the client reads', async t => {
  const data = 'x'.repeat(64 * 1024)
  const most = 1_000
  let written = 0
  let stopped = (): void => {}
  const untilStopped = new Promise<void>(resolve => { stopped = resolve })
  const socket = await open(t, async stream => {
    const resumed = await new Promise<boolean>(resolve => {
      const next = (): void => {
        if (written === most) {
          stopped()
          resolve(false)
          return
        }
        written += 1
        if (stream.write([{ name: null, data }], () => { resolve(true) })) setImmediate(next)
        else stopped()
      }
      next()
    })
    stream.end(resumed ? 'data: resumed\n\n' : 'data: never stopped\n\n')
  })
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nhost: test\r\n\r\n')
  await untilStopped
  t.true(written < most)
  let tail = ''
  let events = 0
  for await (const part of socket as AsyncIterable<Buffer>) {
    const text = part.toString('latin1')
    events += (tail.slice(-6) + text).split('data: x').length - 1
    tail = (tail + text).slice(-100)
    if (tail.endsWith('0\r\n\r\n')) break
  }
  t.is(events, written)
  t.true(tail.includes('data: resumed\n\n'), tail)
})
