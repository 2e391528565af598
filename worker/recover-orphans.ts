import type { Client } from '@temporalio/client'
import temporal from '@temporalio/proto'
import type { Pool } from 'pg'
import type { Logger } from '../lib/log.ts'
import { readOrphans, type ActivityLease } from '../lib/store/activity-leases.ts'

const { PendingActivityState } = temporal.temporal.api.enums.v1

/**
 * Hands the work of dead workers on at once instead of after the heartbeat timeout: Temporal is told that the pending
 * attempt has failed. Only when its worker's lock is free, and only the very attempt that the lease names.
 */
export function createOrphanRecovery ({ pool, client, log, workerId }: { pool: Pool, client: Client, log: Logger, workerId: string }): () => Promise<void> {
  let suspects = new Set<string>()
  return async () => {
    const orphans = await readOrphans(pool, 100)
    // Twice in a row: a worker that lives but lost its session takes its lock again within milliseconds.
    const certain = orphans.filter(lease => suspects.has(lease.workerId))
    suspects = new Set(orphans.map(lease => lease.workerId))
    for (const lease of certain) await handOn(lease)
    await pool.query("DELETE FROM worker WHERE seen_at < now() - interval '1 hour' AND id <> $1 AND NOT EXISTS (SELECT FROM activity_lease WHERE worker_id = worker.id)", [workerId])
  }

  async function handOn (lease: ActivityLease): Promise<void> {
    const failed = await failAttempt(client, lease)
    log.info({ resource: lease.resourceId, part: lease.part, deadWorker: lease.workerId, failed }, 'work of a dead worker handed on')
    // only its own lease: a new attempt may have taken the chunk already
    await pool.query('DELETE FROM activity_lease WHERE resource_id = $1 AND part = $2 AND worker_id = $3 AND attempt = $4', [lease.resourceId, lease.part, lease.workerId, lease.attempt])
  }
}

async function failAttempt (client: Client, lease: ActivityLease): Promise<boolean> {
  const execution = { workflowId: lease.workflowId, runId: lease.runId }
  const namespace = client.options.namespace
  return await client.connection.withDeadline(Date.now() + 2_000, async () => {
    const description = await client.workflowService.describeWorkflowExecution({ namespace, execution })
    const pending = description.pendingActivities?.find(activity => activity.activityId === lease.activityId)
    if (pending?.state !== PendingActivityState.PENDING_ACTIVITY_STATE_STARTED || pending.attempt !== lease.attempt) return false
    await client.workflowService.respondActivityTaskFailedById({
      namespace,
      workflowId: lease.workflowId,
      runId: lease.runId,
      activityId: lease.activityId,
      identity: client.options.identity,
      failure: {
        message: `worker ${lease.workerId} died`,
        source: 'sira',
        applicationFailureInfo: { type: 'WorkerDied', nonRetryable: false, nextRetryDelay: { nanos: 1_000_000 } }
      }
    })
    return true
  }).catch((error: unknown) => {
    // NOT_FOUND: the workflow or the attempt is over, which is as good
    if ((error as { code?: unknown }).code === 5) return false
    throw error
  })
}
