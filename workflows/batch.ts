/**
 * A batch, from accepted to finished. Postgres holds the truth (rows, counters, state); this holds the order of things:
 * begin → chunks, several at once → finalize. Rows are never workflow state: a chunk of 500 is one activity.
 */
import {
  CancellationScope, condition, continueAsNew, defineSignal, isCancellation, proxyActivities, setHandler, upsertSearchAttributes, workflowInfo
} from '@temporalio/workflow'
import type { BatchActivities } from '../activities/batch/index.ts'
import { chunkTaskQueue } from '../lib/domain/task-queues.ts'
import type { BatchPlan, BatchWorkflowInput, StopReason } from '../lib/contracts/workflows.ts'

export const cancelSignal = defineSignal('cancel')
export const resumeSignal = defineSignal('resume')

/** Well under the 4,096 events at which Temporal advises to continue as new: a chunk costs about 6. */
const MAX_HISTORY_EVENTS = 3_000

const quick = proxyActivities<Pick<BatchActivities, 'beginBatch' | 'requestCancelOfBatch'>>({
  // through a long outage of the database; a worker that died meanwhile is noticed by its heartbeat
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '3s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' }
})

const { finalizeBatch } = proxyActivities<Pick<BatchActivities, 'finalizeBatch'>>({
  startToCloseTimeout: '2 hours',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' }
})

export async function batchWorkflow (input: BatchWorkflowInput): Promise<void> {
  const { batchId } = input
  const { runChunk } = proxyActivities<Pick<BatchActivities, 'runChunk'>>({
    // chunks have a queue of their own, so that a worker full of them still begins and finishes batches
    taskQueue: chunkTaskQueue(workflowInfo().taskQueue),
    // a chunk may wait for its turn for as long as the batch's window
    startToCloseTimeout: '30 days',
    heartbeatTimeout: '5s',
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { initialInterval: '100ms', maximumInterval: '5s' }
  })
  let stopped: StopReason | null = null
  let resumes = 0
  setHandler(cancelSignal, () => { stopped ??= 'cancelled' })
  setHandler(resumeSignal, () => { resumes += 1 })

  let plan: BatchPlan | null
  let nextChunk = input.resumeFrom?.nextChunk ?? 0
  try {
    plan = input.resumeFrom?.plan ?? await quick.beginBatch({ batchId })
    if (plan === null) {
      upsertSearchAttributes({ SiraState: ['failed'] })
      return
    }
    upsertSearchAttributes({ SiraState: ['running'] })
    const { chunkCount, openChunks } = plan
    await Promise.all(Array.from({ length: Math.min(openChunks, chunkCount - nextChunk) }, async () => {
      while (nextChunk < chunkCount && stopped === null && !historyIsLong(input.maxHistoryEvents)) await workChunk(nextChunk++)
    }))
  } catch (error) {
    if (!isCancellation(error)) throw error
    plan = null
  }
  const cancelledInTemporal = CancellationScope.current().consideredCancelled
  if (cancelledInTemporal) stopped = 'cancelled'
  if (plan !== null && stopped === null && nextChunk < plan.chunkCount) {
    await continueAsNew<typeof batchWorkflow>({ ...input, resumeFrom: { nextChunk, plan } })
  }
  await CancellationScope.nonCancellable(async () => {
    // an operator cancelled the run itself: the batch still ends properly, with its partial output
    if (cancelledInTemporal) await quick.requestCancelOfBatch({ batchId })
    upsertSearchAttributes({ SiraState: ['finalizing'] })
    const state = await finalizeBatch({ batchId, ...(stopped === null ? {} : { reason: stopped }) })
    upsertSearchAttributes({ SiraState: [state] })
  })

  /** One chunk to its end, through pauses and workers that come and go. */
  async function workChunk (chunk: number): Promise<void> {
    while (stopped === null) {
      const before = resumes
      const outcome = await runChunk({ batchId, chunk })
      if (outcome === 'done') return
      if (outcome === 'handover') continue
      if (outcome !== 'paused') {
        stopped ??= outcome
        return
      }
      const left = Math.max(1_000, Date.parse(input.expiresAt) - Date.now())
      // a resume that arrived while the chunk was returning counts
      if (!await condition(() => resumes > before || stopped !== null, left)) stopped ??= 'expired'
    }
  }
}

function historyIsLong (most = MAX_HISTORY_EVENTS): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo()
  return continueAsNewSuggested || historyLength > most
}
