import { setTimeout as sleep } from 'node:timers/promises'
import type { DeliverOutcome } from '../../lib/contracts/workflows.ts'
import { claimLease, releaseLease, type ActivityLease } from '../../lib/store/activity-leases.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { readDispatch, settleDispatch } from '../../lib/store/webhook-dispatch.ts'
import { createJoinedRuns, type Run } from '../joined-runs.ts'
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

/** Delivers what is due at an endpoint; one run per endpoint and process, so that a second attempt sends nothing twice. */
export function createDeliverDue (dependencies: WebhookDependencies) {
  const { pool, config, workerId } = dependencies
  const endpoints = createActiveEndpoints(pool, dependencies.keyring)
  const readers = { ordered: createDueReader(pool, { ordered: true }), unordered: createDueReader(pool, { ordered: false }) }
  const writer = createOutcomeWriter({ pool, onSaved: createHealthWatch(dependencies) })
  const join = createJoinedRuns(workerId, startRun)

  return {
    deliverDue: async ({ endpointId }: { endpointId: string }): Promise<DeliverOutcome> => await join(endpointId, 0),
    /** Tells what has just become due, so that dispatchers of this process need not find out by looking. */
    hint (endpointIds: readonly string[]): void {
      for (const id of endpointIds) {
        readers.ordered.hint(id)
        readers.unordered.hint(id)
      }
    }
  }

  function startRun (lease: ActivityLease): Run<DeliverOutcome> {
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
