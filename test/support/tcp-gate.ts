import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'

/** A way to a server that the test can close and open: closed, connections are cut and new ones refused an answer. */
export async function openGate (t: ExecutionContext, databaseUrl: string): Promise<{ url: string, close: () => void, open: () => void }> {
  const target = new URL(databaseUrl)
  const sockets = new Set<Socket>()
  let isOpen = true
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {}) // cut on purpose
    socket.on('close', () => { sockets.delete(socket) })
    if (!isOpen) {
      socket.destroy()
      return
    }
    const upstream = connect(Number(target.port), target.hostname)
    upstream.on('error', () => { socket.destroy() })
    upstream.on('close', () => { socket.destroy() })
    socket.on('close', () => { upstream.destroy() })
    socket.pipe(upstream).pipe(socket)
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const url = new URL(databaseUrl)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: url.href,
    close () {
      isOpen = false
      for (const socket of sockets) socket.destroy()
    },
    open () { isOpen = true }
  }
}
