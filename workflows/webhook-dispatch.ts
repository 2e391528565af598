/**
 * The dispatcher of a webhook endpoint. It lives while the endpoint has undelivered events: it lets an activity deliver what is due, waits for the next
 * attempt's time or for new events, and ends when nothing is left. What is due when is in Postgres; this sees that somebody works on it.
 */
import { ActivityCancellationType, condition, continueAsNew, defineSignal, isCancellation, proxyActivities, setHandler, workflowInfo } from '@temporalio/workflow'
import type { WebhookActivities } from '../activities/webhooks/index.ts'
import { webhookTaskQueue } from '../lib/domain/task-queues.ts'
import type { WebhookDispatchInput } from '../lib/contracts/workflows.ts'

export const deliverSignal = defineSignal('deliver')

/** A slice or a wait costs about 10. */
const MAX_HISTORY_EVENTS = 2_000

export async function webhookDispatchWorkflow (input: WebhookDispatchInput): Promise<void> {
  const { endpointId } = input
  const { deliverDue } = proxyActivities<WebhookActivities>({
    taskQueue: webhookTaskQueue(workflowInfo().taskQueue),
    // a slice of at most two minutes, and an outage of the database while its outcomes are saved
    startToCloseTimeout: '15 minutes',
    // long, because a dead worker is noticed by its lease, and thousands of endpoints may be served at once
    heartbeatTimeout: '30s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '100ms', maximumInterval: '10s' }
  })
  let signals = 0
  setHandler(deliverSignal, () => { signals += 1 })
  try {
    for (;;) {
      const before = signals
      const outcome = await deliverDue({ endpointId })
      // an event that came while the activity was returning counts: its sender saw a dispatcher that sleeps or waits
      if (outcome.kind === 'idle' && signals === before) return
      if (outcome.kind === 'waiting') await condition(() => signals > before, Math.max(1, Date.parse(outcome.dueAt) - Date.now()))
      // the next run delivers first of all, so a signal that came before it is answered
      if (historyIsLong(input.maxHistoryEvents)) await continueAsNew<typeof webhookDispatchWorkflow>(input)
    }
  } catch (error) {
    // An operator cancelled the run: what was under way has ended and is saved, the rest stays due, and the reconciler starts another run.
    if (!isCancellation(error)) throw error
  }
}

function historyIsLong (most = MAX_HISTORY_EVENTS): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo()
  return continueAsNewSuggested || historyLength > most
}
