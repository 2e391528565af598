import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import type { DeliverOutcome } from '../../lib/contracts/workflows.ts'
import { claimLease, releaseLease, type ActivityLease } from '../../lib/store/activity-leases.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { readDispatch, settleDispatch } from '../../lib/store/webhook-dispatch.ts'
import { withHeartbeat } from '../heartbeat.ts'
import { createActiveEndpoints } from './active-endpoints.ts'
import { createAlarm, type Alarm } from './alarm.ts'
import type { WebhookDependencies } from './dependencies.ts'
import { dispatch } from './dispatch.ts'
import { createDueReader } from './due-reader.ts'
import { createOutcomeWriter } from './outcome-writer.ts'
import { createHealthWatch } from './watch-health.ts'

/** ms between two tries to take over an endpoint that another live worker is still on. */
const CLAIM_INTERVAL = 100
/** ms before the worker is ended by force at which attempts under way are given up, so that outcomes can still be saved. */
const SHUTDOWN_MARGIN = 1_500

interface Run { readonly promise: Promise<DeliverOutcome>, readonly stop: () => void }

/**
 * Delivers what is due at an endpoint. One run per endpoint and process: a second attempt of the same activity, which Temporal starts after it
 * lost sight of the first, joins the run that is under way instead of sending everything twice.
 */
export function createDeliverDue (dependencies: WebhookDependencies) {
  const { pool, config, workerId } = dependencies
  const endpoints = createActiveEndpoints(pool, dependencies.keyring)
  const readers = { ordered: createDueReader(pool, { ordered: true }), unordered: createDueReader(pool, { ordered: false }) }
  const writer = createOutcomeWriter({ pool, onSaved: createHealthWatch(dependencies) })
  const running = new Map<string, Run>()

  return {
    deliverDue,
    /** Tells what has just become due, so that dispatchers of this process need not find out by looking. */
    hint (endpointIds: readonly string[]): void {
      for (const id of endpointIds) {
        readers.ordered.hint(id)
        readers.unordered.hint(id)
      }
    }
  }

  async function deliverDue ({ endpointId }: { endpointId: string }): Promise<DeliverOutcome> {
    const { info, cancellationSignal } = Context.current()
    let run = running.get(endpointId)
    if (run === undefined) {
      const execution = info.workflowExecution!
      run = startRun({ resourceId: endpointId, part: 0, workerId, workflowId: execution.workflowId, runId: execution.runId, activityId: info.activityId, attempt: info.attempt })
      running.set(endpointId, run)
      const forget = (): void => { running.delete(endpointId) }
      run.promise.then(forget, forget)
    }
    const { promise, stop } = run
    const onCancelled = (): void => {
      // any other reason means that Temporal gave this attempt up, not that the work is unwanted: it goes on, and the next attempt joins it
      if (['WORKER_SHUTDOWN', 'CANCELLED'].includes(String((cancellationSignal.reason as Error | undefined)?.message))) stop()
    }
    if (cancellationSignal.aborted) onCancelled()
    cancellationSignal.addEventListener('abort', onCancelled, { once: true })
    try {
      return await withHeartbeat(async () => await promise)
    } finally {
      cancellationSignal.removeEventListener('abort', onCancelled)
    }
  }

  function startRun (lease: ActivityLease): Run {
    const alarm = createAlarm()
    const calls = new AbortController()
    let stopped = false
    return {
      promise: work(),
      stop () {
        if (stopped) return
        stopped = true
        alarm.ring()
        setTimeout(() => { calls.abort() }, Math.max(0, config.worker.shutdownGrace - SHUTDOWN_MARGIN)).unref()
      }
    }

    async function work (): Promise<DeliverOutcome> {
      while (!await throughOutage(async () => await claimLease(pool, lease))) {
        if (stopped) return { kind: 'more' }
        await sleep(CLAIM_INTERVAL)
      }
      try {
        return await workClaimed(lease.resourceId, alarm, () => stopped, calls.signal)
      } finally {
        // also after a failure: the next attempt may come to another worker, which would wait for this live one
        await throughOutage(async () => { await releaseLease(pool, lease) })
      }
    }
  }

  async function workClaimed (endpointId: string, alarm: Alarm, stopped: () => boolean, calls: AbortSignal): Promise<DeliverOutcome> {
    const [active, health] = await Promise.all([endpoints.enter(endpointId, alarm.ring), throughOutage(async () => await readDispatch(pool, endpointId))])
    try {
      const settings = active.settings()
      if (settings === null || health === null) return { kind: 'idle' } // deleted meanwhile
      const reader = settings.endpoint.ordered ? readers.ordered : readers.unordered
      await dispatch(dependencies, { endpointId, active, alarm, reader, writer, health, stopped, calls })
    } finally {
      active.leave()
    }
    if (stopped()) return { kind: 'more' }
    const settled = await throughOutage(async () => await settleDispatch(pool, endpointId))
    if (settled === null) return { kind: 'idle' }
    return settled === 'due' ? { kind: 'more' } : { kind: 'waiting', dueAt: settled.toISOString() }
  }
}
