import type { ReplayQueueOutcome } from '../../lib/contracts/workflows.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { transitionJob } from '../../lib/store/jobs.ts'
import { queueReplayStep } from '../../lib/store/replay-deliveries.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { readReplayById, recountReplay } from '../../lib/store/webhook-replays.ts'
import { withHeartbeat } from '../heartbeat.ts'
import type { ReplayDependencies } from './dependencies.ts'

/** Steps of one activity: seconds, after which a worker that shuts down lets another go on. */
const MOST_STEPS = 20

/**
 * Opens a replay and queues the events of its range, step by step, each a transaction that moves the cursor with it. May run again at any
 * point, and beside an earlier attempt that is still alive.
 */
export function createQueueReplay ({ pool, hints, send }: ReplayDependencies) {
  return async function queueReplay ({ jobId }: { jobId: string }): Promise<ReplayQueueOutcome> {
    return await withHeartbeat(async () => {
      for (let step = 0; step < MOST_STEPS; step++) {
        const replay = await throughOutage(async () => await readReplayById(pool, jobId))
        if (replay === null) return 'deleted'
        if (replay.job.cancelRequestedAt !== null) return 'cancelled'
        if (replay.endpointId === null) return 'deleted'
        if (replay.job.state === 'queued') {
          const job = await throughOutage(async () => await transitionJob(pool, { id: jobId, to: 'running' }))
          if (job !== null) hints.hint(job.id, job.seq)
        }
        const { endpointId } = replay
        const { outcome, wake } = await throughOutage(async () => await inTransaction(pool, async client => await queueReplayStep(client, jobId, endpointId)))
        for (const entry of wake) await send(entry)
        const { job } = await throughOutage(async () => await recountReplay(pool, jobId))
        if (job !== null) hints.hint(job.id, job.seq)
        if (outcome !== 'more') return outcome
      }
      return 'more'
    })
  }
}
