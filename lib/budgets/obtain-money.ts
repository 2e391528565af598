import type { BudgetRule } from '../contracts/allowance.ts'
import { mayOverdraw } from '../domain/budget-lease.ts'
import { formatUsd } from '../domain/price.ts'
import { SiraError } from '../errors.ts'
import { allows, isCutOff, type BudgetAccount } from './budget-account.ts'

/** ms between two looks at whether the others have given back what was called in. */
const LOOK_AGAIN = 100
/** Requests that wait at one budget; more are refused. */
const MOST_WAITING = 1_000

/**
 * Waits until `amount` fits into the account, or is all there is so that it may go over. Bounded by `deadline`
 * (performance.now()). Throws SiraError `budget_exceeded` or `unavailable`, or the signal's reason.
 */
export async function obtainMoney (account: BudgetAccount, rule: BudgetRule, amount: bigint, { deadline, ask, signal }: {
  deadline: number
  ask: (account: BudgetAccount) => Promise<void>
  signal: AbortSignal | undefined
}): Promise<'fits' | 'overdraws'> {
  const isEmpty = (): boolean => account.emptyUntil > performance.now() && account.held <= 0n && account.reserved === 0n
  if (account.waiters.size >= MOST_WAITING || isEmpty()) throw exceeded(rule)
  account.needed += amount
  // an exchange that began before this knows nothing of the need
  let before = account.exchanges
  let informed = false
  try {
    for (;;) {
      signal?.throwIfAborted()
      if (isCutOff(account)) throw unavailable()
      const late = performance.now() >= deadline
      if (account.running === null && account.exchanges !== before) informed = true
      if (late && !informed) throw unavailable()
      if (account.running !== null && !late) {
        await changeOf(account, deadline - performance.now(), signal)
      } else if (!late && (account.exchanges === before || account.left > 0n)) {
        before = account.exchanges
        void ask(account)
      } else {
        if ((late || !account.othersHold) && mayOverdraw(account)) return 'overdraws'
        if (late || (!account.othersHold && account.reserved === 0n)) throw exceeded(rule)
        before = account.exchanges
        await changeOf(account, Math.min(LOOK_AGAIN, deadline - performance.now()), signal)
      }
      if (allows(account, amount)) return 'fits'
    }
  } finally {
    account.needed -= amount
  }
}

const unavailable = (): SiraError => new SiraError('unavailable', { dependency: 'Postgres' }, { retryAfter: 1 })

function exceeded ({ kind, period, amount }: BudgetRule): SiraError {
  return new SiraError('budget_exceeded', { kind, period, amount: formatUsd(amount) })
}

/** Resolves when something was settled or answered, the time is over or the signal aborts. */
async function changeOf (account: BudgetAccount, time: number, signal: AbortSignal | undefined): Promise<void> {
  await new Promise<void>(resolve => {
    const done = (): void => {
      clearTimeout(timer)
      account.waiters.delete(done)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.max(0, time))
    account.waiters.add(done)
    signal?.addEventListener('abort', done, { once: true })
  })
}
