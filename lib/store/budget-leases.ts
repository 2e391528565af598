import type { Pool } from 'pg'
import { decideGrant } from '../domain/budget-lease.ts'
import { inTransaction, type Queryable } from './database.ts'
import { WORKER_LOCK_CLASS } from './worker-lock.ts'

/** A process that is frozen in the middle must not hold up the books for long: it loses them after 3 s, and who waits for them waits that out. */
const boundsQuery = `
  SELECT set_config('lock_timeout', '4s', true), set_config('statement_timeout', '5s', true),
    set_config('idle_in_transaction_session_timeout', '3s', true)`

/** Locks the budget's books; its own budget row too, against deletion, so that nothing refers to what is gone. */
const openBooksQuery = `
  INSERT INTO budget_period AS books (budget_id, period_start)
  SELECT id, $2::timestamptz FROM budget WHERE id = $1 FOR KEY SHARE
  ON CONFLICT (budget_id, period_start) DO UPDATE SET spent = books.spent
  RETURNING spent`

/**
 * Forgets the leases of the dead, and reads the others. Dead only after 10 s of silence: by then a process that was restarted in
 * its place has put into the books what the dead one's journal held.
 */
const forgetDeadQuery = `
  DELETE FROM budget_lease WHERE budget_id = $1 AND period_start = $2 AND process_id <> $3
    AND updated_at < clock_timestamp() - interval '10 seconds' AND process_is_dead(process_id, $4, interval '10 seconds')`
const leasesQuery = 'SELECT process_id AS "processId", outstanding FROM budget_lease WHERE budget_id = $1 AND period_start = $2'

const keepQuery = `
  INSERT INTO budget_lease AS lease (budget_id, period_start, process_id, outstanding) VALUES ($1, $2, $3, $4::numeric)
  ON CONFLICT (budget_id, period_start, process_id) DO UPDATE
  SET outstanding = lease.outstanding + excluded.outstanding, called_in = false, updated_at = clock_timestamp()`

const callInQuery = `
  UPDATE budget_lease SET called_in = true
  WHERE budget_id = $1 AND period_start = $2 AND process_id <> $3 AND outstanding > 0 AND NOT called_in`

export interface LeaseExchange {
  readonly processId: string
  readonly budgetId: string
  /** ms since 1970 */
  readonly periodStart: number
  /** The budget's amount as the process knows it. All money in pico-USD. */
  readonly amount: bigint
  /** Given back. */
  readonly returned: bigint
  /** What waits now. */
  readonly needed: bigint
  /** Whether more than that may be had ahead. */
  readonly ahead: boolean
  readonly settledBeyond: bigint
}

export interface LeaseAnswer {
  readonly granted: bigint
  /** What is still free after it. */
  readonly left: bigint
  /** Whether other processes hold some, which then has been called in if it was needed. */
  readonly othersHold: boolean
}

/** One process's turn at a budget: gives back, takes more, calls in what others hold when that is not enough. null: the budget is gone. */
export async function exchangeLease (pool: Pool, exchange: LeaseExchange): Promise<LeaseAnswer | null> {
  const { processId, budgetId, amount, returned, needed, ahead, settledBeyond } = exchange
  const periodStart = new Date(exchange.periodStart)
  return await inTransaction(pool, async client => {
    await client.query(boundsQuery)
    const books = await client.query<{ spent: string }>(openBooksQuery, [budgetId, periodStart])
    if (books.rows[0] === undefined) return null
    await client.query(forgetDeadQuery, [budgetId, periodStart, processId, WORKER_LOCK_CLASS])
    const { rows: leases } = await client.query<{ processId: string, outstanding: string }>(leasesQuery, [budgetId, periodStart])
    const outstanding = leases.map(lease => ({ mine: lease.processId === processId, amount: BigInt(lease.outstanding) - (lease.processId === processId ? returned : 0n) }))
    const free = outstanding.reduce((rest, lease) => lease.amount > 0n ? rest - lease.amount : rest, amount - BigInt(books.rows[0].spent))
    const granted = ahead || needed > 0n ? decideGrant({ free, needed, settledBeyond }) : settledBeyond
    if (granted !== returned || leases.some(lease => lease.processId === processId)) {
      await client.query(keepQuery, [budgetId, periodStart, processId, (granted - returned).toString()])
    }
    const othersHold = outstanding.some(lease => !lease.mine && lease.amount > 0n)
    if (othersHold && granted < needed + settledBeyond) await client.query(callInQuery, [budgetId, periodStart, processId])
    return { granted, left: free - granted, othersHold }
  })
}

export interface LeaseName { readonly budgetId: string, readonly periodStart: number }

/** The leases of a process that others wait for. */
export async function readCalledIn (database: Queryable, processId: string): Promise<LeaseName[]> {
  const { rows } = await database.query<{ budget_id: string, period_start: Date }>(
    'SELECT budget_id, period_start FROM budget_lease WHERE process_id = $1 AND called_in', [processId])
  return rows.map(row => ({ budgetId: row.budget_id, periodStart: row.period_start.getTime() }))
}

/** Ends a lease altogether, whatever it still says. One at a time: together they could meet a charge halfway. */
export async function dropLease (database: Queryable, processId: string, { budgetId, periodStart }: LeaseName): Promise<void> {
  await database.query('DELETE FROM budget_lease WHERE process_id = $1 AND budget_id = $2 AND period_start = $3', [processId, budgetId, new Date(periodStart)])
}
