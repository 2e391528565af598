import type { Pool } from 'pg'
import type { BudgetRule, Budgets, Reservation } from '../contracts/allowance.ts'
import { budgetPeriodStart } from '../domain/budget-period.ts'
import { mayOverdraw } from '../domain/budget-lease.ts'
import type { Logger } from '../log.ts'
import { dropLease, readCalledIn } from '../store/budget-leases.ts'
import { allows, exchange, openAccount, releaseFree, runsLow, wakeWaiters, type BudgetAccount } from './budget-account.ts'
import { obtainMoney } from './obtain-money.ts'

/** ms between two looks at what others call in and what lies idle. */
const TICK = 200
/** ms without use after which the free part of a lease goes back, and after which all of it ends: by then its usage is in the books. */
const IDLE = 2_000
const QUIET = 10_000

const nothingReserved: Reservation = { settle () {} }

/**
 * Budgets over all processes, each of which spends from leases in table budget_lease (ADR 0025). What a process holds plus what
 * it has settled but not yet put into the books is its `outstanding` there, so that
 * amount - spent - Σ outstanding may be lent to anybody. Soft budgets are not looked at: the books alone watch them.
 * Close it after the usage journal: its leases cover what the journal still holds.
 */
export function createBudgets ({ pool, processId, log }: { pool: Pool, processId: string, log: Logger }): Budgets {
  /** The period of each budget that was used last, and all that still hold something. */
  const current = new Map<string, BudgetAccount>()
  const accounts = new Set<BudgetAccount>()
  let timer: NodeJS.Timeout | null = null
  let failing = false
  let closed = false

  const warn = (error: unknown): void => {
    if (!failing) log.warn({ err: error }, 'budgets cannot be reached; going on with what is leased')
    failing = true
  }
  const ask = async (account: BudgetAccount, ahead = true): Promise<void> => {
    await exchange(account, { pool, processId, warn }, ahead)
    if (account.failedAt === -Infinity) failing = false
    // given back while that was under way
    if (account.returning > 0n && account.failedAt === -Infinity) await ask(account, false)
  }

  return {
    reserve (rules, amount, signal, moment = Date.now()) {
      const hard = rules.some(rule => !rule.hard) ? rules.filter(rule => rule.hard) : rules
      if (hard.length === 0) return nothingReserved
      const wanted = hard.map(rule => accountOf(rule, moment))
      if (wanted.every(account => allows(account, amount))) return take(wanted, amount)
      return wait(hard, wanted, amount, signal)
    },
    async close () {
      closed = true
      if (timer !== null) clearTimeout(timer)
      for (const account of accounts) {
        await account.running
        releaseFree(account)
        // requests still in flight keep theirs until the process has ended
        if (account.reserved === 0n) await dropLease(pool, processId, account).catch(warn)
        else await ask(account, false)
      }
    }
  }

  function accountOf (rule: BudgetRule, moment: number): BudgetAccount {
    const periodStart = budgetPeriodStart(rule.period, moment)
    let account = current.get(rule.id)
    if (account === undefined || account.periodStart !== periodStart) {
      // for a while after the turn of a period there are requests of both
      account = find(rule.id, periodStart) ?? openAccount(rule, periodStart)
      current.set(rule.id, account)
      accounts.add(account)
      if (!closed) timer ??= setTimeout(tick, TICK).unref()
    }
    if (account.amount !== rule.amount) {
      const lowered = rule.amount < account.amount
      account.amount = rule.amount
      account.emptyUntil = 0
      account.left = 1n
      // what was lent by the old amount is asked for again by the new one
      if (lowered && releaseFree(account)) void ask(account, false)
    }
    return account
  }

  function find (budgetId: string, periodStart: number): BudgetAccount | undefined {
    for (const account of accounts) if (account.budgetId === budgetId && account.periodStart === periodStart) return account
    return undefined
  }

  async function wait (rules: readonly BudgetRule[], wanted: readonly BudgetAccount[], amount: bigint, signal: AbortSignal | undefined): Promise<Reservation> {
    const since = performance.now()
    const overdrawing = new Set<BudgetAccount>()
    for (;;) {
      // nothing is held meanwhile, so that requests cannot wait for each other in a circle
      const short = wanted.findIndex(account => !allows(account, amount) && !(overdrawing.has(account) && mayOverdraw(account)))
      if (short === -1) return take(wanted, amount)
      const account = wanted[short]!
      const verdict = await obtainMoney(account, rules[short]!, amount, { since, ask, signal })
      if (verdict === 'overdraws') overdrawing.add(account)
    }
  }

  function take (wanted: readonly BudgetAccount[], amount: bigint): Reservation {
    const overdrawn = wanted.filter(account => !allows(account, amount))
    for (const account of overdrawn) account.overdrawn = true
    const now = performance.now()
    for (const account of wanted) {
      account.reserved += amount
      account.usedAt = now
      if (runsLow(account)) void ask(account)
    }
    let settled = false
    return {
      settle (spent) {
        if (settled) return
        settled = true
        for (const account of overdrawn) account.overdrawn = false
        for (const account of wanted) {
          account.reserved -= amount
          account.held -= spent ?? 0n
          account.usedAt = performance.now()
          // spent beyond the lease: the books hear of it now, so that the others do not count on it
          if (account.held < 0n && account.running === null && !account.gone) void ask(account, false)
          wakeWaiters(account)
        }
      }
    }
  }

  function tick (): void {
    look().catch(warn).finally(() => { timer = closed || accounts.size === 0 ? null : setTimeout(tick, TICK).unref() })
  }

  async function look (): Promise<void> {
    const calledIn = await readCalledIn(pool, processId)
    failing = false
    const names = new Set(calledIn.map(({ budgetId, periodStart }) => `${budgetId}@${periodStart}`))
    const now = performance.now()
    for (const account of accounts) {
      const unused = now - Math.max(account.usedAt, account.failedAt)
      if (unused > QUIET && account.reserved === 0n && account.running === null && account.waiters.size === 0) {
        accounts.delete(account)
        if (current.get(account.budgetId) === account) current.delete(account.budgetId)
        await dropLease(pool, processId, account)
      } else if (account.needed === 0n && (names.has(`${account.budgetId}@${account.periodStart}`) || unused > IDLE) && releaseFree(account)) {
        // not while a request here waits for more: what it has so far is not idle, and without it it could not even go over
        void ask(account, false)
      }
    }
  }
}
