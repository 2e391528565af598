import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client'
import { TypedSearchAttributes } from '@temporalio/common'
import { batchWorkflowId, responseWorkflowId, webhookDispatchWorkflowId, webhookReplayWorkflowId, workflowNames } from '../contracts/workflows.ts'
import type { Queryable } from '../store/database.ts'
import { removeOutbox, type OutboxEntry } from '../store/outbox.ts'
import { searchAttributes } from './search-attributes.ts'
import { withDeadline } from './with-deadline.ts'

/** What is particular to a workflow. `again`: a run that has ended may be followed by another, because it works for a resource that goes on. */
const workflows: Readonly<Record<string, { readonly kind: string, readonly workflowId: (resourceId: string) => string, readonly again: boolean }>> = {
  [workflowNames.batch]: { kind: 'batch', workflowId: batchWorkflowId, again: false },
  [workflowNames.response]: { kind: 'response', workflowId: responseWorkflowId, again: false },
  [workflowNames.webhookDispatch]: { kind: 'webhook', workflowId: webhookDispatchWorkflowId, again: true },
  [workflowNames.webhookReplay]: { kind: 'webhook_replay', workflowId: webhookReplayWorkflowId, again: false }
}

/**
 * Delivers one outbox entry: starts the resource's workflow, or signals it (starting it first where it does not run).
 * May be called any number of times for one entry: the workflow id is a function of the resource, and a job's run that has ended
 * cannot be started again unless `again` says so. Removes the entry when Temporal has it. Rejects within ~`deadline` ms
 * when Temporal is away.
 */
export async function sendToWorkflow (
  client: Client, database: Queryable, taskQueue: string, entry: OutboxEntry, { deadline = 2_000, again = false }: { deadline?: number, again?: boolean } = {}
): Promise<void> {
  const workflow = workflows[entry.workflow]
  if (workflow === undefined) throw new Error(`No workflow ${entry.workflow}`)
  const options = {
    taskQueue,
    // a worker that dies within a workflow task, which takes milliseconds, stalls its job this long
    workflowTaskTimeout: '5s',
    workflowId: workflow.workflowId(entry.resourceId),
    args: [entry.input],
    workflowIdReusePolicy: again || workflow.again ? 'ALLOW_DUPLICATE' as const : 'REJECT_DUPLICATE' as const,
    typedSearchAttributes: new TypedSearchAttributes([
      { key: searchAttributes.organization, value: entry.input.organizationId },
      { key: searchAttributes.kind, value: workflow.kind },
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
