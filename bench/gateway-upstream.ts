import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as sleep, setImmediate as nextTurn } from 'node:timers/promises'
import { chunks, longChunks, pacedChunks, wholeAnswer } from './support/gateway-wire.ts'
import { serveChild } from './support/child.ts'

/*
 * The provider of the gateway benchmark: answers chat completions with fixed bytes and looks at nothing but the path.
 * /fast at once, /slow after 50 ms, /paced with a chunk every 20 ms, as a quick model writes, /long every 200 ms. Chunks of the others are
 * written one a turn of the event loop, as else they would arrive as one.
 */
const slowAfter = 50
const pacedEvery = 20
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
  const [written, every] = path.startsWith('/long/') ? [longChunks, longEvery] : path.startsWith('/paced/') ? [pacedChunks, pacedEvery] : [chunks, 0]
  for (const chunk of written) {
    if (reply.destroyed) return
    reply.write(chunk)
    await (every === 0 ? nextTurn() : sleep(every))
  }
  reply.end('data: [DONE]\n\n')
}

serveChild(server)
