import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { serveChild } from './support/child.ts'
import type { ReceiverReport } from './support/webhook-receiver.ts'

/*
 * The receivers of the webhook benchmark, told apart by path: /good/<name> answers 200 at once, /hang/<name> never, /drip/<name>
 * sends a byte of its answer a second. For each good one it keeps when each webhook-id came first, in unix ms.
 */
let received = new Map<string, Map<string, number>>()
let repeated = 0

const server = createServer({ noDelay: true, keepAlive: true }, (request, reply) => {
  const [, kind = '', name = ''] = (request.url ?? '').split('/')
  request.resume()
  request.on('end', () => {
    if (kind === 'hang') return
    if (kind === 'drip') {
      reply.writeHead(200, { 'content-type': 'text/plain' })
      void (async () => {
        while (!reply.destroyed) {
          reply.write('.')
          await sleep(1_000)
        }
      })()
      return
    }
    const ids = received.get(name) ?? new Map<string, number>()
    received.set(name, ids)
    const id = String(request.headers['webhook-id'])
    if (ids.has(id)) repeated += 1
    else ids.set(id, Date.now())
    reply.writeHead(200, { 'content-length': 2 }).end('ok')
  })
})
server.keepAliveTimeout = 75_000

process.on('message', (order: 'report' | 'forget') => {
  if (order === 'forget') {
    received = new Map()
    repeated = 0
  }
  process.send!({ received, repeated } satisfies ReceiverReport)
})

serveChild(server)
