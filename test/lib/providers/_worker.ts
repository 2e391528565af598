import type { ExecutionContext } from 'ava'
import pg from 'pg'
import { createSlotLeases } from '../../../lib/providers/slot-leases.ts'
import type { SlotSource } from '../../../lib/providers/slot-source.ts'
import { WORKER_LOCK_CLASS } from '../../../lib/store/worker-lock.ts'

/** A worker row with its lock held on a session of its own, as a live worker has. */
export async function registerWorker (url: string, id: string): Promise<{ lock: () => Promise<void>, die: () => Promise<void> }> {
  let session: pg.Client | null = null
  const open = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => { session = null }) // the test ends sessions on purpose
    await client.connect()
    session = client
    return client
  }
  const client = await open()
  const { rows } = await client.query<{ lock_id: number }>('INSERT INTO worker (id, identity) VALUES ($1, $1) RETURNING lock_id', [id])
  const lockId = rows[0]!.lock_id
  await client.query('SELECT pg_advisory_lock($1, $2)', [WORKER_LOCK_CLASS, lockId])
  return {
    lock: async () => { await (await open()).query('SELECT pg_advisory_lock($1, $2)', [WORKER_LOCK_CLASS, lockId]) },
    die: async () => {
      await session?.end()
      session = null
    }
  }
}

/** Slot leases of a worker whose demand the test says; closed when the test ends. */
export function leasesOf (t: ExecutionContext, pool: pg.Pool, workerId: string, limit: number): {
  source: SlotSource
  /** What the limiter would tell; change it, then `wake` when it rose. */
  demand: { inFlight: number, wanted: number }
  /** What was granted last. */
  granted: { slots: number, share: number }
  warnings: string[]
} {
  const demand = { inFlight: 0, wanted: 0 }
  const granted = { slots: 0, share: 0 }
  const warnings: string[] = []
  const source = createSlotLeases({ pool, workerId, limits: new Map([['p', limit]]), warn: message => { warnings.push(message) } })
  source.start({
    demand: () => ({ ...demand }),
    granted: (_provider, slots, share) => { Object.assign(granted, { slots, share }) }
  })
  t.teardown(async () => source.close())
  return { source, demand, granted, warnings }
}
