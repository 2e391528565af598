import type { Client, WorkflowExecutionStatusName } from '@temporalio/client'
import { WorkflowNotFoundError } from '@temporalio/client'
import type { Pool } from 'pg'
import { batchWorkflowId, responseWorkflowId, webhookDispatchWorkflowId, webhookReplayWorkflowId } from '../lib/contracts/workflows.ts'
import type { Logger } from '../lib/log.ts'
import { messageTo, readUnfinishedBatches } from '../lib/store/batches.ts'
import { insertOutbox, type OutboxEntry } from '../lib/store/outbox.ts'
import { readUnfinishedResponses, startOfResponse } from '../lib/store/responses.ts'
import { readAwakeDispatchers } from '../lib/store/webhook-dispatch.ts'
import { readUnfinishedReplays, replayMessage } from '../lib/store/webhook-replays.ts'
import { sendToWorkflow } from '../lib/temporal/send-to-workflow.ts'

/** ms that a job must be old: a younger one may be on its way to Temporal. */
const SETTLED = 60_000
/** Jobs of a kind looked at in one go, drawn at random, so that all have their turn however many there are. */
const SAMPLE = 50

interface Dependencies { readonly pool: Pool, readonly client: Client, readonly taskQueue: string, readonly log: Logger }

/**
 * Finds batches, background responses, deliveries and replays that are not finished although no run works on them: the run was terminated by hand,
 * or Temporal lost its history. They are started again; what is done stays done, because rows and states are in Postgres.
 */
export async function reconcile (dependencies: Dependencies): Promise<void> {
  const { pool } = dependencies
  for (const batch of await readUnfinishedBatches(pool, SETTLED, SAMPLE)) {
    await startUnlessRunning(dependencies, batchWorkflowId(batch.id), messageTo(batch, 'start'))
  }
  for (const response of await readUnfinishedResponses(pool, SETTLED, SAMPLE)) {
    await startUnlessRunning(dependencies, responseWorkflowId(response.id), startOfResponse(response))
  }
  for (const dispatcher of await readAwakeDispatchers(pool, SETTLED, SAMPLE)) {
    await startUnlessRunning(dependencies, webhookDispatchWorkflowId(dispatcher.resourceId), dispatcher)
  }
  for (const replay of await readUnfinishedReplays(pool, SETTLED, SAMPLE)) {
    await startUnlessRunning(dependencies, webhookReplayWorkflowId(replay.id), replayMessage(replay, 'start'))
  }
}

async function startUnlessRunning ({ pool, client, taskQueue, log }: Dependencies, workflowId: string, message: OutboxEntry): Promise<void> {
  const status = await statusOf(client, workflowId)
  if (status === 'RUNNING' || status === 'CONTINUED_AS_NEW') return
  log.warn({ job: message.resourceId, status }, 'unfinished job without a run is started again')
  await insertOutbox(pool, message) // kept until Temporal has it
  await sendToWorkflow(client, pool, taskQueue, message, { again: true })
}

async function statusOf (client: Client, workflowId: string): Promise<WorkflowExecutionStatusName | 'NOT_FOUND'> {
  try {
    return (await client.connection.withDeadline(Date.now() + 2_000, async () => await client.workflow.getHandle(workflowId).describe())).status.name
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND'
    throw error
  }
}
