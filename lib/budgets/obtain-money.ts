import type { BudgetRule } from '../contracts/allowance.ts'
import { mayOverdraw } from '../domain/budget-lease.ts'
import { formatUsd } from '../domain/price.ts'
import { SiraError } from '../errors.ts'
import { allows, isCutOff, PATIENCE, type BudgetAccount } from './budget-account.ts'

/** ms between two looks at whether the others have given back what was called in. */
const LOOK_AGAIN = 100
/** ms in which the others give back what they do not need; after it a request may go over what is left here. */
const OTHERS_ANSWER = 1_800
/** ms that a request waits at most: for an answer of Postgres, or for requests under way to give back what they do not need. */
const LONGEST_WAIT = PATIENCE
/** Requests that wait at one budget; more are refused. */
const MOST_WAITING = 1_000

/**
 * Waits until `amount` fits into the account, or is all there is so that it may go over. Bounded by LONGEST_WAIT after `since`
 * (performance.now()). Throws SiraError `budget_exceeded` when nothing is left and nobody holds anything, `budget_reserved` when
 * requests under way still hold what is left, `unavailable` when Postgres did not answer, or the signal's reason.
 */
export async function obtainMoney (account: BudgetAccount, rule: BudgetRule, amount: bigint, { since, ask, signal }: {
  since: number
  ask: (account: BudgetAccount) => Promise<void>
  signal: AbortSignal | undefined
}): Promise<'fits' | 'overdraws'> {
  const isEmpty = (): boolean => account.emptyUntil > performance.now() && account.held <= 0n && account.reserved === 0n
  if (isEmpty()) throw exceeded(rule)
  if (account.waiters.size >= MOST_WAITING) throw reserved(rule)
  account.needed += amount
  // an exchange that began before this knows nothing of the need
  let before = account.exchanges
  try {
    for (;;) {
      signal?.throwIfAborted()
      if (isCutOff(account)) throw unavailable()
      const waited = performance.now() - since
      const late = waited >= LONGEST_WAIT
      // of the whole wait, not of this call: who found money and lost it to another has been answered
      if (late && account.answeredFor < since) throw unavailable()
      if (account.running !== null && !late) {
        await changeOf(account, LONGEST_WAIT - waited, signal)
      } else if (!late && (account.exchanges === before || account.left > 0n)) {
        before = account.exchanges
        void ask(account)
      } else {
        if ((waited >= OTHERS_ANSWER || !account.othersHold) && mayOverdraw(account)) return 'overdraws'
        if (!account.othersHold && account.reserved === 0n) throw exceeded(rule)
        if (late) throw reserved(rule)
        before = account.exchanges
        await changeOf(account, Math.min(LOOK_AGAIN, LONGEST_WAIT - waited), signal)
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

function reserved ({ kind, period }: BudgetRule): SiraError {
  return new SiraError('budget_reserved', { kind, period }, { retryAfter: 1 })
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
