import type { ReplayEnd } from '../../lib/contracts/workflows.ts'
import { isTerminal, type JobState } from '../../lib/domain/job-state.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { requestCancel, transitionJob } from '../../lib/store/jobs.ts'
import { withdrawReplay } from '../../lib/store/replay-deliveries.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { readReplayById, recountReplay } from '../../lib/store/webhook-replays.ts'
import { withHeartbeat } from '../heartbeat.ts'
import type { ReplayDependencies } from './dependencies.ts'

const failures = {
  deleted: { code: 'endpoint_deleted', message: 'The webhook endpoint was deleted.' },
  disabled: { code: 'endpoint_disabled', message: 'The webhook endpoint was disabled before everything was queued.' }
} as const

/** Ends a replay: from `finalizing` on nothing more is queued; then what a cancelled one has not delivered is withdrawn, and the last count is taken. */
export function createFinishReplay ({ pool, hints }: Pick<ReplayDependencies, 'pool' | 'hints'>) {
  return async function finishReplay ({ jobId, end }: { jobId: string, end: ReplayEnd }): Promise<JobState> {
    return await withHeartbeat(async () => await throughOutage(async () => {
      const replay = await readReplayById(pool, jobId)
      if (replay === null) return 'cancelled' // deleted by an administrator while it ran
      if (isTerminal(replay.job.state)) return replay.job.state
      if (replay.job.state !== 'finalizing') {
        const job = await transitionJob(pool, { id: jobId, to: 'finalizing' })
        if (job !== null) hints.hint(job.id, job.seq)
      }
      // read again: until the line above a cancel could still come, and a caller who was told `cancelling` gets `cancelled`
      const { job: { cancelRequestedAt }, endpointId } = (await readReplayById(pool, jobId))!
      const failure = end === 'deleted' || end === 'disabled' ? failures[end] : null
      const to = cancelRequestedAt !== null ? 'cancelled' : failure === null ? 'succeeded' : 'failed'
      if (to !== 'succeeded' && endpointId !== null) await inTransaction(pool, async client => { await withdrawReplay(client, jobId, endpointId) })
      const job = await inTransaction(pool, async client => {
        await recountReplay(client, jobId)
        return await transitionJob(client, { id: jobId, to, ...(to === 'failed' ? { error: failure! } : {}) })
      })
      if (job !== null) hints.hint(job.id, job.seq)
      return to
    }))
  }
}

/** Marks a replay as being cancelled when an operator cancelled its workflow instead of asking the API. */
export function createRequestCancelOfReplay ({ pool, hints }: Pick<ReplayDependencies, 'pool' | 'hints'>) {
  return async function requestCancelOfReplay ({ jobId }: { jobId: string }): Promise<void> {
    await withHeartbeat(async () => await throughOutage(async () => {
      const replay = await readReplayById(pool, jobId)
      if (replay === null) return
      const job = await requestCancel(pool, replay.job, jobId)
      if (job !== null) hints.hint(job.id, job.seq)
    }))
  }
}
