import type { Queryable } from './database.ts'
import { WORKER_LOCK_CLASS } from './worker-lock.ts'

/** What one process asks of a minute's counter; see function take_rates. */
export interface RateAsk {
  readonly subject: string
  readonly minute: number
  readonly limit: number
  /** Goes back first; below zero: was used beyond what had been handed out. */
  readonly give: number
  readonly need: number
  /** The smallest thing that waits: less than that is of no use. */
  readonly useful: number
  /** More than the need, as far as plenty is left. */
  readonly want: number
}

export interface RateAnswer { readonly given: number, readonly remaining: number }

/** Answers in the order of the questions, and the database's clock, ms since 1970. */
export async function takeRates (database: Queryable, asks: readonly RateAsk[]): Promise<{ answers: RateAnswer[], now: number }> {
  const { rows } = await database.query<{ place: number, given: number, remaining: number, now: number }>(
    `SELECT taken.*, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now
     FROM take_rates($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) AS taken ORDER BY place`, [
      asks.map(ask => ask.subject), asks.map(ask => ask.minute), asks.map(ask => ask.limit), asks.map(ask => ask.give), asks.map(ask => ask.need),
      asks.map(ask => ask.useful), asks.map(ask => ask.want)
    ])
  return { answers: rows, now: rows[0]!.now }
}

/** The database's clock, ms since 1970, and how many processes hold their lock, batch workers included. */
export async function readClock (database: Queryable): Promise<{ now: number, processes: number }> {
  const { rows } = await database.query<{ now: number, processes: number }>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now, count(*)::int AS processes FROM pg_locks
     WHERE locktype = 'advisory' AND classid = $1::oid AND objsubid = 2 AND granted
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, [WORKER_LOCK_CLASS])
  return rows[0]!
}

/** Counters of minutes that are over. */
export async function forgetRates (database: Queryable, before: number): Promise<void> {
  await database.query('DELETE FROM rate_window WHERE minute < $1', [before])
}
