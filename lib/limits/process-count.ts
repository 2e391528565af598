import type { Pool } from 'pg'
import { readClock } from '../store/rate-windows.ts'
import type { MinuteClock } from './minute-clock.ts'
import type { StoreLink } from './store-link.ts'

/** ms between two counts. */
const INTERVAL = 5_000

/** How many processes share the limits, as was seen last; the same look corrects the clock. */
export interface ProcessCount {
  readonly last: () => number
  readonly refresh: () => Promise<void>
}

export function createProcessCount ({ pool, clock, link }: { pool: Pool, clock: MinuteClock, link: StoreLink }): ProcessCount {
  let processes = 1
  let countedAt = -Infinity
  return {
    last: () => processes,
    async refresh () {
      if (performance.now() - countedAt < INTERVAL || link.isCut()) return
      const answer = await link.ask(async () => await readClock(pool))
      if (answer === null) return
      countedAt = performance.now()
      clock.correct(answer.now)
      processes = Math.max(1, answer.processes)
    }
  }
}
