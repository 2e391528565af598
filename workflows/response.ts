/**
 * A background response: one call to a model that outlives the client's connection. The activity writes events and result
 * to Postgres as they come; this sees that it is done again when a worker dies, and ended when it cannot be done.
 */
import { ActivityCancellationType, CancellationScope, proxyActivities, workflowInfo } from '@temporalio/workflow'
import type { ResponseActivities } from '../activities/response/index.ts'
import { responseTaskQueue } from '../lib/domain/task-queues.ts'
import type { ResponseWorkflowInput } from '../lib/contracts/workflows.ts'

const { failResponse } = proxyActivities<Pick<ResponseActivities, 'failResponse'>>({
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '3s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' }
})

export async function responseWorkflow ({ responseId }: ResponseWorkflowInput): Promise<void> {
  const { runResponse } = proxyActivities<Pick<ResponseActivities, 'runResponse'>>({
    taskQueue: responseTaskQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '2 hours',
    // limits and overload are waited out this long
    scheduleToCloseTimeout: '6 hours',
    heartbeatTimeout: '5s',
    // a call that is being stopped writes no event after the last one
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '500ms', maximumInterval: '1 minute' }
  })
  try {
    await runResponse({ responseId })
  } catch {
    // out of time, refused for good by a bug, or the run was cancelled by hand: the reader is told either way
    await CancellationScope.nonCancellable(async () => { await failResponse({ responseId }) })
  }
}
