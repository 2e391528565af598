import type { Pool } from 'pg'
import type { BudgetRule } from '../contracts/allowance.ts'
import { fits, type HeldMoney } from '../domain/budget-lease.ts'
import { exchangeLease } from '../store/budget-leases.ts'

/** ms during which a failed exchange is not repeated. */
const BACKOFF = 500
/** ms after which an exchange without answer counts as an outage. A busy machine takes a second; the books' lock is waited for up to 4 s. */
export const PATIENCE = 5_000
/** ms during which a budget found empty is not asked for again. */
const EMPTY_FOR = 200

/** One budget in one period, as this process sees it. */
export interface BudgetAccount extends HeldMoney {
  readonly budgetId: string
  readonly periodStart: number
  amount: bigint
  /** What waits for money here, together. */
  needed: bigint
  /** To be given back with the next exchange. */
  returning: bigint
  /** The answer of the last exchange: was anything still free, did others hold some, how much did it bring. */
  left: bigint
  othersHold: boolean
  lastGrant: bigint
  /** Deleted meanwhile: limits nothing any more. */
  gone: boolean
  running: Promise<void> | null
  /** Exchanges begun so far. */
  exchanges: number
  startedAt: number
  /** performance.now() at which the last exchange that was answered began. */
  answeredFor: number
  /** performance.now() of the last failure, the last use, and until when it counts as empty. */
  failedAt: number
  usedAt: number
  emptyUntil: number
  /** Called when a reservation was settled or an exchange has ended. */
  readonly waiters: Set<() => void>
}

export function openAccount (rule: BudgetRule, periodStart: number): BudgetAccount {
  return {
    budgetId: rule.id, periodStart, amount: rule.amount, held: 0n, reserved: 0n, overdrawn: false, needed: 0n, returning: 0n, left: 1n, othersHold: false,
    lastGrant: 0n, gone: false, running: null, exchanges: 0, startedAt: 0, answeredFor: -Infinity, failedAt: -Infinity, usedAt: performance.now(), emptyUntil: 0, waiters: new Set()
  }
}

export function allows (account: BudgetAccount, amount: bigint): boolean {
  return account.gone || fits(account, amount)
}

/** Whether Postgres cannot be asked about it now. */
export function isCutOff (account: BudgetAccount): boolean {
  const now = performance.now()
  return now - account.failedAt < BACKOFF || (account.running !== null && now - account.startedAt > PATIENCE)
}

/** Whether the slice runs low while there is more to be had, so that the next is fetched before anybody has to wait. */
export function runsLow (account: BudgetAccount): boolean {
  return account.running === null && account.left > 0n && (account.held - account.reserved) * 2n < account.lastGrant && !isCutOff(account)
}

export function wakeWaiters (account: BudgetAccount): void {
  for (const wake of [...account.waiters]) wake()
}

/** Takes out of the account what is not reserved; the next exchange gives it back. */
export function releaseFree (account: BudgetAccount): boolean {
  const free = account.held - account.reserved
  if (free <= 0n) return false
  account.held -= free
  account.returning += free
  return true
}

/** Returns what is to be returned and fetches what is needed; one exchange at a time, and a second caller joins the one under way. Never rejects. */
export function exchange (account: BudgetAccount, { pool, processId, warn }: { pool: Pool, processId: string, warn: (error: unknown) => void }, ahead: boolean): Promise<void> {
  account.running ??= (async () => {
    account.startedAt = performance.now()
    account.exchanges += 1
    const returned = account.returning
    // sent once: when its fate stays unknown it is better lost until the lease ends than given back twice
    account.returning = 0n
    const free = account.held - account.reserved
    const needed = account.needed > free ? account.needed - (free > 0n ? free : 0n) : 0n
    const settledBeyond = account.held < 0n ? -account.held : 0n
    try {
      const { budgetId, periodStart, amount } = account
      const answer = await exchangeLease(pool, { processId, budgetId, periodStart, amount, returned, needed, ahead, settledBeyond })
      account.failedAt = -Infinity
      account.answeredFor = account.startedAt
      if (answer === null) {
        account.gone = true
        return
      }
      account.held += answer.granted
      account.lastGrant = answer.granted
      account.left = answer.left
      account.othersHold = answer.othersHold
      if (answer.left <= 0n && !answer.othersHold && account.held <= 0n) account.emptyUntil = performance.now() + EMPTY_FOR
    } catch (error) {
      account.failedAt = performance.now()
      warn(error)
    } finally {
      account.running = null
      wakeWaiters(account)
    }
  })()
  return account.running
}
