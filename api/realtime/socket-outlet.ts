import type { Socket } from 'socket.io'

/**
 * Tells when a connection can take more: undefined at once, or a promise for the moment its queue has gone to the
 * transport (or the connection is over). Without it a client that reads slowly would make the process hold all it is sent.
 */
export function createOutlet (connection: Socket['conn']): () => Promise<void> | undefined {
  let queued = 0
  let waiting: Array<() => void> = []
  const release = (): void => {
    queued = 0
    const resolves = waiting
    waiting = []
    for (const resolve of resolves) resolve()
  }
  connection.on('packetCreate', () => { queued++ })
  connection.on('flush', release)
  connection.on('close', release)
  return () => queued === 0 ? undefined : new Promise(resolve => { waiting.push(resolve) })
}
