import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { ExecutionContext } from 'ava'

export interface Receiver {
  readonly port: number
  readonly connections: () => number
  /** That arrived over all connections. */
  readonly bytes: () => number
}

/** A server that counts what reaches it and answers each whole request by `answer`; it ends with the test. `host` `::` listens at every address of the machine. */
export async function startReceiver (t: ExecutionContext, host: string, answer: (socket: Socket, received: string) => void = () => {}, port = 0): Promise<Receiver> {
  let connections = 0
  let bytes = 0
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    connections += 1
    sockets.add(socket)
    let received = ''
    socket.on('data', chunk => {
      bytes += chunk.length
      received += chunk.toString('latin1')
      const length = /content-length: (\d+)/i.exec(received)?.[1]
      const head = received.indexOf('\r\n\r\n')
      if (head < 0 || received.length < head + 4 + Number(length)) return
      answer(socket, received)
      received = ''
    }).on('error', () => {}).on('close', () => sockets.delete(socket)) // clients that go away are part of the tests
  })
  server.listen({ port, host })
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, connections: () => connections, bytes: () => bytes }
}

/** An HTTP answer as text. */
export function httpAnswer (body: string, { status = '200 OK', headers = [] as string[] } = {}): string {
  return [`HTTP/1.1 ${status}`, `content-length: ${Buffer.byteLength(body)}`, ...headers, '', body].join('\r\n')
}
