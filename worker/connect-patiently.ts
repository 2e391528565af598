import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../lib/log.ts'

/** ms. Longer than an engine takes to restart; after that the supervisor should see this process fail. */
const PATIENCE = 120_000

/** Repeats a first connection until it works: processes and engines may start in any order. */
export async function connectPatiently<T> (name: string, log: Logger, connect: () => Promise<T>): Promise<T> {
  const start = performance.now()
  for (let attempt = 0; ; attempt++) {
    try {
      return await connect()
    } catch (error) {
      if (performance.now() - start > PATIENCE) throw error
      if (attempt === 0) log.warn({ err: error }, `waiting for ${name}`)
      await sleep(Math.min(1_000, 100 * 2 ** attempt))
    }
  }
}
