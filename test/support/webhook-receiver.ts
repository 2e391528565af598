import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ExecutionContext } from 'ava'

/** A request as it came in. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** ms on a monotonic clock. */
  readonly at: number
  /** webhook-id */
  readonly id: string
}

/** What a receiver does with a request; default: 204 at once. */
export type Behaviour =
  | { readonly status?: number, readonly headers?: Readonly<Record<string, string>>, readonly body?: string, readonly delay?: number }
  | 'hang'
  /** Headers, then a byte a second. */
  | 'drip'
  | 'reset'

export interface WebhookReceiver {
  /** http://127.0.0.1:… without a path. */
  readonly url: string
  readonly received: Received[]
  /** Decides for each request; `count` is how many came before it to the same path. */
  behave: (decide: (request: Received, count: number) => Behaviour) => void
  /** Requests being answered at this moment, and the most there ever were at once. */
  readonly load: { now: number, most: number }
  /** Waits until so many requests came (to `path`, if given). */
  arrived: (count: number, path?: string) => Promise<void>
  close: () => Promise<void>
}

/** Somebody's web server that gets webhooks, simulated on the wire. */
export async function startReceiver (): Promise<WebhookReceiver> {
  const received: Received[] = []
  const counts = new Map<string, number>()
  const sockets = new Set<Socket>()
  const waiters = new Set<() => void>()
  const load = { now: 0, most: 0 }
  let decide: (request: Received, count: number) => Behaviour = () => ({})
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => { chunks.push(chunk) }).on('end', () => {
      const path = request.url ?? ''
      const entry = { path, headers: request.headers, body: Buffer.concat(chunks).toString(), at: performance.now(), id: String(request.headers['webhook-id']) }
      const count = counts.get(path) ?? 0
      counts.set(path, count + 1)
      received.push(entry)
      load.now += 1
      load.most = Math.max(load.most, load.now)
      response.on('close', () => { load.now -= 1 })
      respond(response, decide(entry, count))
      for (const waiter of waiters) waiter()
    })
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => { sockets.delete(socket) })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    behave (next) { decide = next },
    load,
    async arrived (count, path) {
      const enough = (): boolean => (path === undefined ? received.length : counts.get(path) ?? 0) >= count
      if (enough()) return
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(look)
          reject(new Error(`${received.length} requests came, ${count} were awaited`))
        }, 60_000)
        const look = (): void => {
          if (!enough()) return
          clearTimeout(timer)
          waiters.delete(look)
          resolve()
        }
        waiters.add(look)
      })
    },
    async close () {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => { server.close(resolve) })
    }
  }
}

function respond (response: ServerResponse, behaviour: Behaviour): void {
  if (behaviour === 'hang') return
  if (behaviour === 'reset') {
    response.destroy()
    return
  }
  if (behaviour === 'drip') {
    response.writeHead(200)
    const timer = setInterval(() => { response.write('.') }, 1_000)
    response.on('close', () => { clearInterval(timer) })
    return
  }
  const { status = 204, headers = {}, body = '', delay = 0 } = behaviour
  setTimeout(() => { response.writeHead(status, headers).end(body) }, delay)
}

/** A receiver that ends with the test. */
export async function openReceiver (t: ExecutionContext): Promise<WebhookReceiver> {
  const receiver = await startReceiver()
  t.teardown(receiver.close)
  return receiver
}
