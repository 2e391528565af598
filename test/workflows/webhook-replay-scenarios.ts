import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import type { ReplayActivities } from '../../activities/webhook-replay/index.ts'
import type { ReplayCountOutcome, ReplayQueueOutcome, WebhookReplayInput } from '../../lib/contracts/workflows.ts'
import type { webhookReplayWorkflow } from '../../workflows/webhook-replay.ts'
import type { Trace } from './scenarios.ts'
import { workUntilCancelled } from './work-until-cancelled.ts'

export interface WebhookReplayScenario {
  readonly name: string
  readonly activities: (trace: Trace) => ReplayActivities
  readonly input?: Partial<WebhookReplayInput>
  /** What happens from outside while the run goes on. */
  readonly drive?: (handle: WorkflowHandle<typeof webhookReplayWorkflow>, trace: Trace) => Promise<void>
}

/** Fakes that answer with the given outcomes one after another, the last one again and again. */
function fakes (trace: Trace, queued: readonly ReplayQueueOutcome[], counted: readonly ReplayCountOutcome[] = ['done']): ReplayActivities {
  const next = <T>(outcomes: readonly T[]): () => T => {
    let index = 0
    return () => outcomes[Math.min(index++, outcomes.length - 1)]!
  }
  const [queue, count] = [next(queued), next(counted)]
  return {
    async queueReplay () {
      const outcome = queue()
      trace.push(`queue ${outcome}`)
      return outcome
    },
    async countReplay () {
      const outcome = count()
      trace.push(`count ${outcome}`)
      return outcome
    },
    async finishReplay ({ end }) {
      trace.push(`finish ${end}`)
      return end === 'done' ? 'succeeded' : end === 'cancelled' ? 'cancelled' : 'failed'
    },
    async requestCancelOfReplay () { trace.push('request cancel') }
  }
}

export const webhookReplayScenarios: readonly WebhookReplayScenario[] = [
  { name: 'webhook-replay-succeeded', activities: trace => fakes(trace, ['more', 'more', 'queued'], ['waiting', 'waiting', 'done']) },
  { name: 'webhook-replay-endpoint-disabled', activities: trace => fakes(trace, ['more', 'disabled']) },
  { name: 'webhook-replay-endpoint-deleted', activities: trace => fakes(trace, ['queued'], ['waiting', 'deleted']) },
  {
    // the wait is long by then: the signal ends it
    name: 'webhook-replay-cancelled-while-waiting',
    activities: trace => fakes(trace, ['queued'], ['waiting']),
    async drive (handle, trace) {
      while (trace.filter(entry => entry === 'count waiting').length < 2) await sleep(10)
      await handle.signal('cancel')
    }
  },
  { name: 'webhook-replay-continued-as-new', input: { maxHistoryEvents: 15 }, activities: trace => fakes(trace, ['queued'], ['waiting', 'waiting', 'waiting', 'done']) },
  {
    name: 'webhook-replay-run-cancelled-by-operator',
    activities: trace => ({
      ...fakes(trace, ['queued']),
      async queueReplay () {
        trace.push('queue')
        const cancelled = await workUntilCancelled()
        trace.push('stopped')
        throw cancelled
      }
    }),
    async drive (handle, trace) {
      while (!trace.includes('queue')) await sleep(10)
      await handle.cancel()
    }
  }
]
