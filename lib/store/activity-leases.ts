import type { Queryable } from './database.ts'
import { oldestSessionStart, WORKER_LOCK_CLASS } from './worker-lock.ts'

/** The right of one activity to work on a part of a resource: a chunk of a batch, or part 0 of a webhook endpoint. */
export interface ActivityLease {
  readonly resourceId: string
  readonly part: number
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
  WHERE worker.id = activity_lease.worker_id)
  AND ${oldestSessionStart} < clock_timestamp() - interval '3 seconds'`

/**
 * Takes a part of a resource for a worker. False while another live worker is still on it: Temporal starts a second attempt when it
 * lost sight of the first, which may well be working on, and two of them would do the same things twice.
 */
export async function claimLease (database: Queryable, lease: ActivityLease): Promise<boolean> {
  const { rowCount } = await database.query(
    `INSERT INTO activity_lease (resource_id, part, worker_id, workflow_id, run_id, activity_id, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (resource_id, part) DO UPDATE SET worker_id = excluded.worker_id, workflow_id = excluded.workflow_id, run_id = excluded.run_id,
       activity_id = excluded.activity_id, attempt = excluded.attempt, started_at = now()
     WHERE activity_lease.worker_id = excluded.worker_id OR (${ownerIsDead})`,
    [lease.resourceId, lease.part, lease.workerId, lease.workflowId, lease.runId, lease.activityId, lease.attempt])
  return rowCount === 1
}

export async function releaseLease (database: Queryable, lease: ActivityLease): Promise<void> {
  await database.query('DELETE FROM activity_lease WHERE resource_id = $1 AND part = $2 AND worker_id = $3', [lease.resourceId, lease.part, lease.workerId])
}

/** Leases whose worker is gone. */
export async function readOrphans (database: Queryable, limit: number): Promise<ActivityLease[]> {
  const { rows } = await database.query<{ resource_id: string, part: number, worker_id: string, workflow_id: string, run_id: string, activity_id: string, attempt: number }>(
    `SELECT resource_id, part, worker_id, workflow_id, run_id, activity_id, attempt FROM activity_lease WHERE ${ownerIsDead} ORDER BY started_at LIMIT $1`, [limit])
  return rows.map(row => ({ resourceId: row.resource_id, part: row.part, workerId: row.worker_id, workflowId: row.workflow_id, runId: row.run_id, activityId: row.activity_id, attempt: row.attempt }))
}
