import { setTimeout as sleep } from 'node:timers/promises'

/** SQLSTATE classes in which the server refused or lost us, not the statement: connection, resources, operator, system. */
const outageClasses = ['08', '53', '57', '58']
const socketCodes = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN']

/** Whether an error of `pg` tells of an outage, so that the same idempotent statement may simply be sent again. */
export function isOutage (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') return socketCodes.includes(code) || outageClasses.includes(code.slice(0, 2)) || code === '40001' || code === '40P01'
  // pg gives these no code; `timeout expired` is a client that could not connect in time
  return /connection terminated|connection timeout|^timeout expired$|timeout exceeded when trying to connect|query read timeout|client has encountered a connection error|not queryable/i.test(error.message)
}

/**
 * Runs an idempotent database call through an outage: repeats it with backoff (100 ms to 2 s) until it works, the error
 * is of another kind, the time is over or the signal aborts. Without it a 1 s restart of Postgres made a batch pay for about 600 calls twice.
 */
export async function throughOutage<T> (call: () => Promise<T>, options: { giveUpAfter?: number, signal?: AbortSignal } = {}): Promise<T> {
  const start = performance.now()
  for (let attempt = 0; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (!isOutage(error) || options.signal?.aborted === true || performance.now() - start > (options.giveUpAfter ?? 600_000)) throw error
      await sleep(Math.min(2_000, 100 * 2 ** attempt) * (0.75 + Math.random() / 2))
    }
  }
}
