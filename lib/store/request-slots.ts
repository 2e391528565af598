import type { Queryable } from './database.ts'
import { WORKER_LOCK_CLASS } from './worker-lock.ts'

/** What one process asks of a subject's slots; see function take_slots. */
export interface SlotAsk {
  readonly subject: string
  readonly limit: number
  /** In use; kept whatever happens. */
  readonly keep: number
  readonly need: number
  readonly want: number
}

export interface SlotAnswer { readonly held: number, readonly remaining: number }

/** Answers in the order of the questions. */
export async function takeSlots (database: Queryable, processId: string, asks: readonly SlotAsk[]): Promise<SlotAnswer[]> {
  const { rows } = await database.query<SlotAnswer & { place: number }>(
    'SELECT * FROM take_slots($1, $2, $3::text[], $4::int[], $5::int[], $6::int[], $7::int[]) ORDER BY place', [
      processId, WORKER_LOCK_CLASS, asks.map(ask => ask.subject), asks.map(ask => ask.limit), asks.map(ask => ask.keep), asks.map(ask => ask.need),
      asks.map(ask => ask.want)
    ])
  return rows
}
