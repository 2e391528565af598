import { io } from 'socket.io-client'
import type { ProgressMessage } from '../../../lib/contracts/jobs.ts'

export interface Subscription {
  /** Every progress message, in the order of arrival. */
  readonly messages: ProgressMessage[]
  /** Connections that were made. */
  readonly connections: () => number
  close: () => void
}

/** Follows a job by Socket.IO as a client does that survives reconnects: it subscribes again from the last change it saw. */
export function subscribeJob (apiUrl: string, key: string, job: string): Subscription {
  const messages: ProgressMessage[] = []
  let connections = 0
  const socket = io(`${apiUrl}/jobs`, { auth: { key }, transports: ['websocket'], reconnectionDelay: 100, reconnectionDelayMax: 300 })
  socket.on('progress', (message: ProgressMessage) => { messages.push(message) })
  socket.on('connect', () => {
    connections += 1
    socket.emit('subscribe', { job, after: messages.at(-1)?.seq ?? 0 }, (answer: { progress?: ProgressMessage }) => {
      if (answer.progress !== undefined) messages.push(answer.progress)
    })
  })
  return { messages, connections: () => connections, close: () => { socket.close() } }
}

/** Messages that show less than the one before them. */
export function stepsBackwards (messages: readonly ProgressMessage[]): Array<readonly [ProgressMessage, ProgressMessage]> {
  const terminal = ['succeeded', 'failed', 'cancelled', 'expired']
  return messages.slice(1).flatMap((message, index) => {
    const before = messages[index]!
    const wentBack = message.seq < before.seq || message.counts.succeeded < before.counts.succeeded || message.counts.failed < before.counts.failed ||
      Number(message.cost) < Number(before.cost) || (terminal.includes(before.state) && message.state !== before.state)
    return wentBack ? [[before, message] as const] : []
  })
}
