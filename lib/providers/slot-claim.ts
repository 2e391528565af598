import type { Pool } from 'pg'
import { decideLease } from '../domain/share.ts'
import { inTransaction } from '../store/database.ts'
import { oldestSessionStart, WORKER_LOCK_CLASS } from '../store/worker-lock.ts'

/** First key of the transaction's advisory lock; the second is a hash of the provider's name. */
const CLAIM_LOCK_CLASS = WORKER_LOCK_CLASS + 1

/**
 * Waits for the provider's turn. A frozen worker must not hold up the others for long, hence the bounds; the next statement
 * takes its snapshot after this one, so it sees what the worker before has written.
 */
const lockQuery = `
  SELECT set_config('lock_timeout', '2s', true), set_config('statement_timeout', '3s', true),
    set_config('idle_in_transaction_session_timeout', '3s', true), pg_advisory_xact_lock($1, hashtext($2))`

/**
 * The leases of the other workers. A worker whose lock is free is dead, except that a restart of Postgres frees the locks of
 * the living, and so does the loss of one session: they get the time to lock again, and one that still refreshes is alive.
 */
const othersQuery = `
  SELECT lease.worker_id AS "workerId", lease.slots, lease.wanted,
    lock.objid IS NULL
      AND lease.updated_at < clock_timestamp() - interval '1 second'
      AND ${oldestSessionStart} < clock_timestamp() - interval '5 seconds' AS dead
  FROM provider_lease lease
  LEFT JOIN worker ON worker.id = lease.worker_id
  LEFT JOIN pg_locks lock ON lock.locktype = 'advisory' AND lock.classid = $3::oid AND lock.objid = worker.lock_id::oid
    AND lock.objsubid = 2 AND lock.granted
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  WHERE lease.provider = $1 AND lease.worker_id <> $2`

/** Two seconds each when there are more workers than slots. The database's clock is the one that all workers share. */
const turnQuery = 'SELECT floor(extract(epoch FROM clock_timestamp()) / 2)::integer AS turn'

export interface SlotClaim {
  /** What the store now holds for this worker, calls in flight included. */
  readonly recorded: number
  /** Calls that may be in flight from now on. */
  readonly usable: number
  /** The fair share of what was wanted. */
  readonly target: number
  /** recorded ÷ what all workers hold. */
  readonly share: number
}

interface OtherLease { readonly workerId: string, readonly slots: number, readonly wanted: number, readonly dead: boolean }

/** One worker's turn at the shared ledger of slots: takes, keeps or gives back. `held` is what it cannot do without now. */
export async function claimSlots (pool: Pool, claim: {
  readonly provider: string
  readonly workerId: string
  readonly limit: number
  readonly held: number
  readonly wanted: number
}): Promise<SlotClaim> {
  const { provider, workerId, limit, held, wanted } = claim
  return inTransaction(pool, async client => {
    await client.query(lockQuery, [CLAIM_LOCK_CLASS, provider])
    const { rows } = await client.query<OtherLease & { turn: number }>(
      `SELECT others.*, clock.turn FROM (${turnQuery}) clock LEFT JOIN (${othersQuery}) others ON true`,
      [provider, workerId, WORKER_LOCK_CLASS]
    )
    const turn = rows[0]!.turn
    const listed = rows.filter(row => row.workerId !== null)
    const others = listed.filter(row => !row.dead).sort((a, b) => a.workerId < b.workerId ? -1 : 1)
    const position = others.filter(row => row.workerId < workerId).length
    const decision = decideLease({ limit, mine: { slots: held, wanted }, others, position, turn })
    const dead = listed.filter(row => row.dead).map(row => row.workerId)
    const idle = decision.recorded === 0 && wanted === 0
    if (dead.length > 0 || idle) {
      await client.query('DELETE FROM provider_lease WHERE provider = $1 AND worker_id = ANY($2)', [provider, idle ? [...dead, workerId] : dead])
    }
    if (!idle) {
      await client.query(
        `INSERT INTO provider_lease (provider, worker_id, slots, wanted, updated_at) VALUES ($1, $2, $3, $4, clock_timestamp())
         ON CONFLICT (provider, worker_id) DO UPDATE SET slots = excluded.slots, wanted = excluded.wanted, updated_at = excluded.updated_at`,
        [provider, workerId, decision.recorded, wanted]
      )
    }
    const all = decision.recorded + others.reduce((sum, other) => sum + other.slots, 0)
    return { ...decision, share: all === 0 ? 0 : decision.recorded / all }
  })
}
