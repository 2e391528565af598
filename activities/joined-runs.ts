import { Context } from '@temporalio/activity'
import type { ActivityLease } from '../lib/store/activity-leases.ts'
import { withHeartbeat } from './heartbeat.ts'

/** handover = the worker stops, and another goes on; cancelled = the work is no longer wanted. */
export type StopReason = 'handover' | 'cancelled'

/** Work under way. `stop` may be called again, and before the work has really begun. */
export interface Run<Outcome> { readonly promise: Promise<Outcome>, readonly stop: (reason: StopReason) => void }

/**
 * One run per resource, part and process: a second attempt of the same activity, which Temporal starts after it lost sight of the first
 * (an outage of its own, say), joins the run that is under way instead of repeating it. `start` begins one; what it gives back is to be called
 * from the activity.
 */
export function createJoinedRuns<Outcome> (workerId: string, start: (lease: ActivityLease) => Run<Outcome>): (resourceId: string, part: number) => Promise<Outcome> {
  const running = new Map<string, Run<Outcome>>()

  return async function join (resourceId, part) {
    const { info, cancellationSignal } = Context.current()
    const key = `${resourceId}:${part}`
    let run = running.get(key)
    if (run === undefined) {
      const execution = info.workflowExecution!
      run = start({ resourceId, part, workerId, workflowId: execution.workflowId, runId: execution.runId, activityId: info.activityId, attempt: info.attempt })
      running.set(key, run)
      const forget = (): void => { running.delete(key) }
      run.promise.then(forget, forget)
    }
    const { promise, stop } = run
    const onCancelled = (): void => {
      const reason = String((cancellationSignal.reason as Error | undefined)?.message)
      // any other reason means that Temporal gave this attempt up, not that the work is unwanted: it goes on, and the next attempt joins it
      if (reason === 'WORKER_SHUTDOWN') stop('handover')
      else if (reason === 'CANCELLED') stop('cancelled')
    }
    if (cancellationSignal.aborted) onCancelled()
    cancellationSignal.addEventListener('abort', onCancelled, { once: true })
    try {
      return await withHeartbeat(async () => await promise)
    } finally {
      cancellationSignal.removeEventListener('abort', onCancelled)
    }
  }
}
