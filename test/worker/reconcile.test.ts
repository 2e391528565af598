import { Client, Connection } from '@temporalio/client'
import test, { type ExecutionContext } from 'ava'
import { batchWorkflowId, webhookDispatchWorkflowId } from '../../lib/contracts/workflows.ts'
import { messageTo } from '../../lib/store/batches.ts'
import { fanOut } from '../../lib/store/fan-out.ts'
import { readOverdue } from '../../lib/store/outbox.ts'
import { registerSearchAttributes } from '../../lib/temporal/connect.ts'
import { sendToWorkflow } from '../../lib/temporal/send-to-workflow.ts'
import { reconcile } from '../../worker/reconcile.ts'
import { insertTestBatch } from '../support/batch.ts'
import { testConfig } from '../support/config.ts'
import { openTestPool, silentLog } from '../support/pool.ts'
import { createTestTenant } from '../support/tenant.ts'
import { addEndpoint, addEvents } from '../support/webhooks.ts'

async function setUp (t: ExecutionContext) {
  const { pool } = await openTestPool(t)
  const { temporalAddress: address, taskQueue } = testConfig()
  const connection = await Connection.connect({ address })
  t.teardown(async () => { await connection.close() })
  const client = new Client({ connection })
  await registerSearchAttributes(client)
  const { caller } = await createTestTenant(pool)
  return { pool, client, taskQueue, caller }
}

test('a batch whose run was terminated is started again, a running one is left alone', async t => {
  const { pool, client, taskQueue, caller } = await setUp(t)
  const [terminated, running, lost] = await Promise.all([insertTestBatch(pool, caller), insertTestBatch(pool, caller), insertTestBatch(pool, caller)])
  for (const batch of [terminated, running]) await sendToWorkflow(client, pool, taskQueue, messageTo(batch, 'start'))
  await pool.query("UPDATE job SET created_at = now() - interval '1 hour'; DELETE FROM outbox")
  const handle = (id: string): ReturnType<typeof client.workflow.getHandle> => client.workflow.getHandle(batchWorkflowId(id))
  await handle(terminated.id).terminate('test')
  const before = (await handle(running.id).describe()).runId

  await reconcile({ pool, client, taskQueue, log: silentLog })

  t.is((await handle(terminated.id).describe()).status.name, 'RUNNING')
  t.is((await handle(lost.id).describe()).status.name, 'RUNNING')
  t.is((await handle(running.id).describe()).runId, before)
  t.deepEqual(await readOverdue(pool, 0, 10), [])
  for (const batch of [terminated, running, lost]) await handle(batch.id).terminate('test is over')
})

test('an outbox entry may be delivered any number of times and starts one run', async t => {
  const { pool, client, taskQueue, caller } = await setUp(t)
  const batch = await insertTestBatch(pool, caller)
  const start = messageTo(batch, 'start')
  t.like(await readOverdue(pool, 0, 10), { length: 1, 0: start })
  await Promise.all(Array.from({ length: 5 }, async () => { await sendToWorkflow(client, pool, taskQueue, start) }))
  t.deepEqual(await readOverdue(pool, 0, 10), [])
  const handle = client.workflow.getHandle(batchWorkflowId(batch.id))
  const { runId } = await handle.describe()
  await handle.terminate('over')
  await sendToWorkflow(client, pool, taskQueue, start)
  t.is((await handle.describe()).runId, runId, 'a run that has ended is not started again')
})

test('a dispatcher whose run ended before its endpoint had everything is started again, one that sleeps is not', async t => {
  const { pool, client, taskQueue, caller } = await setUp(t)
  const [awake, asleep] = [await addEndpoint(pool, caller), await addEndpoint(pool, caller, { eventTypes: ['ping'] })]
  await addEvents(pool, caller, 1)
  const { wake } = await fanOut(pool)
  t.deepEqual(wake.map(entry => entry.resourceId), [awake.id])
  await sendToWorkflow(client, pool, taskQueue, wake[0]!)
  const handle = client.workflow.getHandle(webhookDispatchWorkflowId(awake.id))
  await handle.terminate('test')
  await pool.query("UPDATE webhook_dispatch SET updated_at = now() - interval '1 hour'")

  await reconcile({ pool, client, taskQueue, log: silentLog })

  t.is((await client.workflow.getHandle(webhookDispatchWorkflowId(awake.id)).describe()).status.name, 'RUNNING')
  await t.throwsAsync(client.workflow.getHandle(webhookDispatchWorkflowId(asleep.id)).describe(), { name: 'WorkflowNotFoundError' })
  t.deepEqual(await readOverdue(pool, 0, 10), [])
  await client.workflow.getHandle(webhookDispatchWorkflowId(awake.id)).terminate('test is over')
})
