import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import type { WorkflowHandle } from '@temporalio/client'
import type { WebhookActivities } from '../../activities/webhooks/index.ts'
import type { DeliverOutcome, WebhookDispatchInput } from '../../lib/contracts/workflows.ts'
import type { webhookDispatchWorkflow } from '../../workflows/webhook-dispatch.ts'
import type { Trace } from './scenarios.ts'

export interface WebhookDispatchScenario {
  readonly name: string
  readonly activities: (trace: Trace) => WebhookActivities
  readonly input?: Partial<WebhookDispatchInput>
  /** What happens from outside while the run goes on. */
  readonly drive?: (handle: WorkflowHandle<typeof webhookDispatchWorkflow>, trace: Trace) => Promise<void>
}

const idle: DeliverOutcome = { kind: 'idle' }
const more: DeliverOutcome = { kind: 'more' }
/** `ms` from now. */
const waiting = (ms: number) => (): DeliverOutcome => ({ kind: 'waiting', dueAt: new Date(Date.now() + ms).toISOString() })
const hour = 3_600_000

/** Answers with the given outcomes one after another. */
function fakes (trace: Trace, outcomes: ReadonlyArray<DeliverOutcome | (() => DeliverOutcome | Promise<DeliverOutcome>)>): WebhookActivities {
  let index = 0
  return {
    async deliverDue () {
      const next = outcomes[index++]!
      trace.push(`deliver ${index}`)
      const outcome = typeof next === 'function' ? await next() : next
      trace.push(outcome.kind)
      return outcome
    }
  }
}

async function seen (trace: Trace, entry: string): Promise<void> { while (!trace.includes(entry)) await sleep(10) }

export const webhookDispatchScenarios: readonly WebhookDispatchScenario[] = [
  { name: 'webhook-dispatch-idle', activities: trace => fakes(trace, [idle]) },
  { name: 'webhook-dispatch-waited', activities: trace => fakes(trace, [waiting(300), idle]) },
  { name: 'webhook-dispatch-handed-over', activities: trace => fakes(trace, [more, more, idle]) },
  {
    name: 'webhook-dispatch-woken',
    activities: trace => fakes(trace, [waiting(hour), idle]),
    async drive (handle, trace) {
      await seen(trace, 'waiting')
      await handle.signal('deliver')
    }
  },
  {
    name: 'webhook-dispatch-signalled-while-delivering',
    activities: trace => fakes(trace, [async () => {
      await seen(trace, 'signalled')
      return idle
    }, idle]),
    async drive (handle, trace) {
      await seen(trace, 'deliver 1')
      await handle.signal('deliver')
      trace.push('signalled')
    }
  },
  { name: 'webhook-dispatch-continued-as-new', input: { maxHistoryEvents: 12 }, activities: trace => fakes(trace, [more, more, more, idle]) },
  {
    name: 'webhook-dispatch-run-cancelled-by-operator',
    activities: trace => fakes(trace, [async () => {
      const context = Context.current()
      const beat = setInterval(() => { context.heartbeat() }, 100)
      // as the real one: it takes no more, ends what is under way, and returns
      await context.cancelled.catch(() => { trace.push('stopped') })
      clearInterval(beat)
      return more
    }]),
    async drive (handle, trace) {
      await seen(trace, 'deliver 1')
      await handle.cancel()
    }
  },
  {
    name: 'webhook-dispatch-cancelled-while-waiting',
    activities: trace => fakes(trace, [waiting(hour)]),
    async drive (handle, trace) {
      await seen(trace, 'waiting')
      await handle.cancel()
    }
  }
]
