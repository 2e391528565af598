import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as sleep, setImmediate as nextTurn } from 'node:timers/promises'
import { chunks, longChunks, wholeAnswer } from './support/gateway-wire.ts'
import { serveChild } from './support/child.ts'

/*
 * The provider of the gateway benchmark: answers chat completions with fixed bytes and looks at nothing but the path.
 * /fast at once, /slow after 50 ms, /long with a chunk every 200 ms. A stream's chunks are written one a turn of the event loop,
 * as else they would arrive as one.
 */
const slowAfter = 50
const longEvery = 200

const server = createServer({ noDelay: true, keepAlive: true }, (request, reply) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => { parts.push(part) })
  request.on('end', () => { void answer(request.url ?? '', Buffer.concat(parts).includes('"stream":true'), reply) })
})
server.keepAliveTimeout = 75_000

async function answer (path: string, stream: boolean, reply: ServerResponse): Promise<void> {
  if (path.startsWith('/slow/')) await sleep(slowAfter)
  if (!stream) {
    reply.writeHead(200, { 'content-type': 'application/json', 'content-length': wholeAnswer.length, 'x-request-id': 'up' }).end(wholeAnswer)
    return
  }
  reply.writeHead(200, { 'content-type': 'text/event-stream', 'x-request-id': 'up' })
  const long = path.startsWith('/long/')
  for (const chunk of long ? longChunks : chunks) {
    if (reply.destroyed) return
    reply.write(chunk)
    if (long) await sleep(longEvery)
    else await nextTurn()
  }
  reply.end('data: [DONE]\n\n')
}

serveChild(server)
