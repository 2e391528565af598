import type { Client, WorkflowExecutionStatusName } from '@temporalio/client'
import { WorkflowNotFoundError } from '@temporalio/client'
import type { Pool } from 'pg'
import { batchWorkflowId } from '../lib/contracts/workflows.ts'
import type { Logger } from '../lib/log.ts'
import { messageTo, readUnfinishedBatches } from '../lib/store/batches.ts'
import { insertOutbox } from '../lib/store/outbox.ts'
import { sendToWorkflow } from '../lib/temporal/send-to-workflow.ts'

/** ms that a batch must be old: a younger one may be on its way to Temporal. */
const SETTLED = 60_000
/** Batches looked at in one go, drawn at random, so that all have their turn however many there are. */
const SAMPLE = 50

/**
 * Finds batches that are not finished although no run works on them: the run was terminated by hand, or Temporal lost its
 * history. They are started again; what is done stays done, because rows and states are in Postgres.
 */
export async function reconcile ({ pool, client, taskQueue, log }: { pool: Pool, client: Client, taskQueue: string, log: Logger }): Promise<void> {
  for (const batch of await readUnfinishedBatches(pool, SETTLED, SAMPLE)) {
    const status = await statusOf(client, batchWorkflowId(batch.id))
    if (status === 'RUNNING' || status === 'CONTINUED_AS_NEW') continue
    log.warn({ batch: batch.id, status }, 'unfinished batch without a run is started again')
    const message = messageTo(batch, 'start')
    await insertOutbox(pool, message) // kept until Temporal has it
    await sendToWorkflow(client, pool, taskQueue, message, { again: true })
  }
}

async function statusOf (client: Client, workflowId: string): Promise<WorkflowExecutionStatusName | 'NOT_FOUND'> {
  try {
    return (await client.connection.withDeadline(Date.now() + 2_000, async () => await client.workflow.getHandle(workflowId).describe())).status.name
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'NOT_FOUND'
    throw error
  }
}
