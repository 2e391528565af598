import { setTimeout as delay } from 'node:timers/promises'
import { io } from 'socket.io-client'
import type { ProgressMessage } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'

interface Answer {
  readonly ok: boolean
  readonly progress?: ProgressMessage
  readonly error?: { readonly code: string, readonly message: string }
}

/**
 * Follows a job by Socket.IO until it ends and returns its last progress. A lost connection is made again, and the
 * subscription with it, from the last change seen. Rejects when the server refuses the key or the job.
 */
export async function followJob (apiUrl: string, key: string, job: string, onProgress: (progress: ProgressMessage) => void): Promise<ProgressMessage> {
  const socket = io(`${apiUrl}/jobs`, { auth: { key }, transports: ['websocket'], reconnectionDelayMax: 1000 })
  let seq = -1
  try {
    return await new Promise<ProgressMessage>((resolve, reject) => {
      const take = (progress: ProgressMessage): void => {
        if (progress.seq <= seq) return
        seq = progress.seq
        onProgress(progress)
        if (isTerminal(progress.state)) resolve(progress)
      }
      const subscribe = async (): Promise<void> => {
        const answer = await socket.timeout(5000).emitWithAck('subscribe', { job, after: Math.max(seq, 0) }) as Answer
        if (answer.progress !== undefined) return take(answer.progress)
        // An outage behind the api passes; a refusal does not.
        if (answer.error?.code !== 'unavailable' && answer.error?.code !== 'internal_error') throw new Error(answer.error?.message ?? 'The subscription was refused')
        await delay(1000)
        if (socket.connected) await subscribe()
      }
      socket.on('progress', take)
      socket.on('error', (error: { message: string }) => reject(new Error(error.message)))
      socket.on('connect', () => {
        subscribe().catch((error: unknown) => { if (socket.connected) reject(error) })
      })
      // While `active`, socket.io-client goes on trying by itself.
      socket.on('connect_error', error => { if (!socket.active) reject(error) })
    })
  } finally {
    socket.close()
  }
}
