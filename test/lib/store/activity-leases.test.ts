import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import pg from 'pg'
import { claimLease, readOrphans, releaseLease, type ActivityLease } from '../../../lib/store/activity-leases.ts'
import { WORKER_LOCK_CLASS } from '../../../lib/store/worker-lock.ts'
import { openTestPool } from '../../support/pool.ts'

async function bornWorker (t: Parameters<typeof openTestPool>[0], url: string, id: string): Promise<pg.Client> {
  const session = new pg.Client({ connectionString: url })
  session.on('error', () => {}) // dropping the database ends it
  await session.connect()
  const { rows } = await session.query<{ lock_id: number }>('INSERT INTO worker (id, identity) VALUES ($1, $1) RETURNING lock_id', [id])
  await session.query('SELECT pg_advisory_lock($1, $2)', [WORKER_LOCK_CLASS, rows[0]!.lock_id])
  t.teardown(async () => { await session.end() })
  return session
}

const lease = (workerId: string): ActivityLease => ({ resourceId: 'batch_1', part: 0, workerId, workflowId: 'w', runId: 'r', activityId: '1', attempt: 1 })

/** For 3 s after Postgres admits its first session nobody counts as dead; here the other tests' sessions are usually older. */
async function postgresIsSettled (pool: pg.Pool): Promise<void> {
  for (const end = performance.now() + 10_000; performance.now() < end; await sleep(50)) {
    const { rows } = await pool.query<{ settled: boolean }>(
      "SELECT min(backend_start) < clock_timestamp() - interval '3 seconds' AS settled FROM pg_stat_activity WHERE backend_type = 'client backend'")
    if (rows[0]!.settled) return
  }
  throw new Error('No session of this Postgres lasts 3 s')
}

test('a chunk is taken over from a dead worker, never from a live one', async t => {
  const { pool, url } = await openTestPool(t)
  const first = await bornWorker(t, url, 'worker_a')
  await bornWorker(t, url, 'worker_b')
  t.true(await claimLease(pool, lease('worker_a')))
  t.true(await claimLease(pool, { ...lease('worker_a'), attempt: 2 }), 'its own chunk')
  t.false(await claimLease(pool, lease('worker_b')))
  t.deepEqual(await readOrphans(pool, 10), [])
  await first.end()
  await postgresIsSettled(pool)
  t.deepEqual((await readOrphans(pool, 10)).map(orphan => [orphan.workerId, orphan.attempt]), [['worker_a', 2]])
  t.true(await claimLease(pool, lease('worker_b')))
  t.deepEqual(await readOrphans(pool, 10), [])
  await releaseLease(pool, lease('worker_a'))
  t.false(await claimLease(pool, lease('worker_c')), 'still held by b')
  await releaseLease(pool, lease('worker_b'))
  t.true(await claimLease(pool, lease('worker_c')))
})
