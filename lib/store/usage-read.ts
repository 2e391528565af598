import type pg from 'pg'
import { SiraError } from '../errors.ts'

/** ms that one statement of a report may take. */
const DEADLINE = 10_000
/** Reports at once in a process; they share the pool with the writer of usage, which must find room. */
const MOST = 3
/** Reports that wait for their turn; a further one is refused. */
const MOST_WAITING = 50
const turns = new WeakMap<pg.Pool, { reading: number, waiting: Array<() => void> }>()

/**
 * Runs `work` in a transaction that only reads, with a deadline for each statement. Throws `concurrency_limit_exceeded` when
 * too many reports wait for their turn, `invalid_request` when one takes too long.
 */
export async function readUsage<T> (pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const turn = turns.get(pool) ?? { reading: 0, waiting: [] }
  turns.set(pool, turn)
  if (turn.reading < MOST) turn.reading++
  else if (turn.waiting.length < MOST_WAITING) await new Promise<void>(resolve => { turn.waiting.push(resolve) })
  else throw new SiraError('concurrency_limit_exceeded', { kind: 'reporting', limit: MOST + MOST_WAITING }, { retryAfter: 5 })
  try {
    const client = await pool.connect()
    let broken: Error | undefined
    try {
      // JIT costs more than it saves on queries of this size
      await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${DEADLINE}; SET LOCAL jit = off`)
      const result = await work(client)
      await client.query('COMMIT')
      return result
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: Error) => { broken = rollbackError })
      throw isTimeout(error) ? new SiraError('invalid_request', { reason: 'This report takes too long. Ask for a shorter range.' }, { cause: error }) : error
    } finally {
      client.release(broken)
    }
  } finally {
    const next = turn.waiting.shift()
    if (next === undefined) turn.reading--
    else next() // it takes this turn over
  }
}

function isTimeout (error: unknown): boolean {
  const { code, message } = error as { code?: unknown, message?: unknown }
  return code === '57014' && String(message).includes('statement timeout')
}
