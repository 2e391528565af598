import type { ReplayCountOutcome } from '../../lib/contracts/workflows.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { readReplayById, recountReplay } from '../../lib/store/webhook-replays.ts'
import { withHeartbeat } from '../heartbeat.ts'
import type { ReplayDependencies } from './dependencies.ts'

/** Brings the job's counters up to date and says whether anything of the replay is still to be delivered. */
export function createCountReplay ({ pool, hints }: Pick<ReplayDependencies, 'pool' | 'hints'>) {
  return async function countReplay ({ jobId }: { jobId: string }): Promise<ReplayCountOutcome> {
    return await withHeartbeat(async () => await throughOutage(async () => {
      const { job, pending } = await recountReplay(pool, jobId)
      if (job !== null) hints.hint(job.id, job.seq)
      const replay = await readReplayById(pool, jobId)
      if (replay === null || replay.endpointId === null) return 'deleted'
      if (replay.job.cancelRequestedAt !== null) return 'cancelled'
      return pending === 0 ? 'done' : 'waiting'
    }))
  }
}
