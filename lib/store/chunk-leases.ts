import type { Queryable } from './database.ts'
import { oldestSessionStart, WORKER_LOCK_CLASS } from './worker-lock.ts'

export interface ChunkLease {
  readonly batchId: string
  readonly chunk: number
  readonly workerId: string
  readonly workflowId: string
  readonly runId: string
  readonly activityId: string
  readonly attempt: number
}

/** A worker is alive exactly while its session holds its advisory lock. */
const ownerIsDead = `NOT EXISTS (
  SELECT 1 FROM worker JOIN pg_locks ON locktype = 'advisory' AND classid = ${WORKER_LOCK_CLASS}::oid AND objid = worker.lock_id::oid
    AND objsubid = 2 AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  WHERE worker.id = chunk_lease.worker_id)
  AND ${oldestSessionStart} < clock_timestamp() - interval '3 seconds'`

/**
 * Takes a chunk for a worker. False while another live worker is still on it: Temporal starts a second attempt when it
 * lost sight of the first, which may well be working on, and two of them would pay for the same rows twice.
 */
export async function claimChunk (database: Queryable, lease: ChunkLease): Promise<boolean> {
  const { rowCount } = await database.query(
    `INSERT INTO chunk_lease (batch_id, chunk, worker_id, workflow_id, run_id, activity_id, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (batch_id, chunk) DO UPDATE SET worker_id = excluded.worker_id, workflow_id = excluded.workflow_id, run_id = excluded.run_id,
       activity_id = excluded.activity_id, attempt = excluded.attempt, started_at = now()
     WHERE chunk_lease.worker_id = excluded.worker_id OR (${ownerIsDead})`,
    [lease.batchId, lease.chunk, lease.workerId, lease.workflowId, lease.runId, lease.activityId, lease.attempt])
  return rowCount === 1
}

export async function releaseChunk (database: Queryable, lease: ChunkLease): Promise<void> {
  await database.query('DELETE FROM chunk_lease WHERE batch_id = $1 AND chunk = $2 AND worker_id = $3', [lease.batchId, lease.chunk, lease.workerId])
}

/** Leases whose worker is gone. */
export async function readOrphans (database: Queryable, limit: number): Promise<ChunkLease[]> {
  const { rows } = await database.query<{ batch_id: string, chunk: number, worker_id: string, workflow_id: string, run_id: string, activity_id: string, attempt: number }>(
    `SELECT batch_id, chunk, worker_id, workflow_id, run_id, activity_id, attempt FROM chunk_lease WHERE ${ownerIsDead} ORDER BY started_at LIMIT $1`, [limit])
  return rows.map(row => ({ batchId: row.batch_id, chunk: row.chunk, workerId: row.worker_id, workflowId: row.workflow_id, runId: row.run_id, activityId: row.activity_id, attempt: row.attempt }))
}
