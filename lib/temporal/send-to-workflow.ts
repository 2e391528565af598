import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import { batchWorkflowId, responseWorkflowId, workflowNames } from '../contracts/workflows.ts'
import type { Queryable } from '../store/database.ts'
import { removeOutbox, type OutboxEntry } from '../store/outbox.ts'
import { searchAttributes } from './search-attributes.ts'
import { withDeadline } from './with-deadline.ts'

/**
 * Delivers one outbox entry: starts the job's workflow, or signals it (starting it first where a crash prevented that).
 * May be called any number of times for one entry: the workflow id is a function of the job, and a run that has ended
 * cannot be started again unless `again` says so. Removes the entry when Temporal has it. Rejects within ~`deadline` ms
 * when Temporal is away.
 */
export async function sendToWorkflow (
  client: Client, database: Queryable, taskQueue: string, entry: OutboxEntry, { deadline = 2_000, again = false }: { deadline?: number, again?: boolean } = {}
): Promise<void> {
  const isResponse = entry.workflow === workflowNames.response
  const options = {
    taskQueue,
    // a worker that dies within a workflow task, which takes milliseconds, stalls its batch this long
    workflowTaskTimeout: '5s',
    workflowId: isResponse ? responseWorkflowId(entry.resourceId) : batchWorkflowId(entry.resourceId),
    args: [entry.input],
    workflowIdReusePolicy: again ? 'ALLOW_DUPLICATE' as const : 'REJECT_DUPLICATE' as const,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.organization, value: entry.input.organizationId },
      { key: searchAttributes.kind, value: isResponse ? 'response' : 'batch' },
      { key: searchAttributes.state, value: 'queued' },
      { key: searchAttributes.job, value: entry.resourceId }
    ])
  }
  try {
    await withDeadline(client, deadline, async () => {
      if (entry.action === 'start') await client.workflow.start(entry.workflow, options)
      else await client.workflow.signalWithStart(entry.workflow, { ...options, signal: entry.action })
    })
  } catch (error) {
    // it was started before, or has already ended: either way there is nothing left to send
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error
  }
  await removeOutbox(database, entry)
}
