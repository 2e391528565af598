import type { ExecutionContext } from 'ava'
import type { Pool } from 'pg'
import type { Admission, LimitRule, Limiting } from '../../../lib/contracts/allowance.ts'
import { SiraError } from '../../../lib/errors.ts'
import { createLimiting } from '../../../lib/limits/limiting.ts'
import type { MinuteClock } from '../../../lib/limits/minute-clock.ts'
import { createPool } from '../../../lib/store/database.ts'
import { cloneDatabase } from '../../support/database.ts'
import { silentLog } from '../../support/pool.ts'
import { registerWorker } from '../providers/_worker.ts'

/** A clock that stands still unless the test moves it. */
export interface TestClock extends MinuteClock { set: (now: number) => void }

export function standingClock (start = 30_000): TestClock {
  let now = 29_000_000 * 60_000 + start
  return { now: () => now, correct () {}, isCorrected: () => true, set (offset) { now = 29_000_000 * 60_000 + offset } }
}

/** Live processes, each with limits on a pool of its own, on one database and one clock. */
export async function startLimiting (t: ExecutionContext, count: number): Promise<{
  pool: Pool
  url: string
  clock: TestClock
  processes: Array<Limiting & { readonly id: string, readonly pool: Pool, readonly die: () => Promise<void> }>
}> {
  const database = await cloneDatabase()
  const pool = createPool(database.url, silentLog)
  const clock = standingClock()
  const processes = await Promise.all(Array.from({ length: count }, async (_, index) => {
    const id = `worker_${index + 1}`
    const session = await registerWorker(database.url, id)
    const own = createPool(database.url, silentLog)
    const limiting = createLimiting({ pool: own, processId: id, log: silentLog, clock })
    t.teardown(async () => {
      await limiting.close()
      await session.die()
      await own.end()
    })
    return { ...limiting, id, pool: own, die: session.die }
  }))
  t.teardown(async () => {
    await pool.end()
    await database.drop()
  })
  return { pool, url: database.url, clock, processes }
}

export function ruleOf (limits: Partial<LimitRule>): LimitRule {
  return { subject: 'key:key_1', kind: 'key', requestsPerMinute: null, tokensPerMinute: null, concurrency: null, ...limits }
}

/** The admission, or null when the limit refused; any other error is thrown on. */
export async function tryAdmit (limiting: Limiting, rules: readonly LimitRule[], tokens = 0): Promise<Admission | null> {
  try {
    return await limiting.admit(rules, tokens)
  } catch (error) {
    if (error instanceof SiraError && (error.code === 'rate_limit_exceeded' || error.code === 'concurrency_limit_exceeded')) return null
    throw error
  }
}
