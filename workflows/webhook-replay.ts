/**
 * A replay of webhooks, from accepted to finished: queue the events of the range again, wait until their deliveries have ended, finish.
 * The deliveries are made by the endpoint's dispatcher; this only looks, by and by less often, how far they are.
 */
import {
  CancellationScope, condition, continueAsNew, defineSignal, isCancellation, proxyActivities, setHandler, upsertSearchAttributes, workflowInfo
} from '@temporalio/workflow'
import type { ReplayActivities } from '../activities/webhook-replay/index.ts'
import type { ReplayEnd, WebhookReplayInput } from '../lib/contracts/workflows.ts'

export const cancelReplaySignal = defineSignal('cancel')

/** ms between two looks. A delivery may take its whole schedule of days. */
const FIRST_WAIT = 500
const LONGEST_WAIT = 60_000
/** As in workflows/batch.ts. A look costs about 11. */
const MAX_HISTORY_EVENTS = 3_000

const { queueReplay, countReplay, finishReplay, requestCancelOfReplay } = proxyActivities<ReplayActivities>({
  // through a long outage of the database; a worker that died meanwhile is noticed by its heartbeat
  startToCloseTimeout: '30 minutes',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' }
})

export async function webhookReplayWorkflow (input: WebhookReplayInput): Promise<void> {
  const { jobId } = input
  let cancelled = false
  setHandler(cancelReplaySignal, () => { cancelled = true })

  let end: ReplayEnd = 'cancelled'
  try {
    upsertSearchAttributes({ SiraState: ['running'] })
    end = await queueAll() ?? await waitForAll()
  } catch (error) {
    if (!isCancellation(error)) throw error
  }
  const cancelledInTemporal = CancellationScope.current().consideredCancelled
  await CancellationScope.nonCancellable(async () => {
    // an operator cancelled the run itself: the job still ends properly
    if (cancelledInTemporal) await requestCancelOfReplay({ jobId })
    upsertSearchAttributes({ SiraState: ['finalizing'] })
    upsertSearchAttributes({ SiraState: [await finishReplay({ jobId, end })] })
  })

  /** null = everything is queued. A run that continued as new passes through in one activity. */
  async function queueAll (): Promise<ReplayEnd | null> {
    // eslint-disable-next-line no-unmodified-loop-condition -- the signal ends it
    while (!cancelled) {
      const outcome = await queueReplay({ jobId })
      if (outcome !== 'more') return outcome === 'queued' ? null : outcome
    }
    return 'cancelled'
  }

  async function waitForAll (): Promise<ReplayEnd> {
    for (let wait = FIRST_WAIT; !cancelled; wait = Math.min(LONGEST_WAIT, wait * 1.5)) {
      const outcome = await countReplay({ jobId })
      if (outcome !== 'waiting') return outcome
      if (historyIsLong(input.maxHistoryEvents)) await continueAsNew<typeof webhookReplayWorkflow>(input)
      await condition(() => cancelled, wait)
    }
    return 'cancelled'
  }
}

function historyIsLong (most = MAX_HISTORY_EVENTS): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo()
  return continueAsNewSuggested || historyLength > most
}
