import { randomUUID } from 'node:crypto'
import { Client, Connection, type Workflow, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker, type WorkflowBundleOption } from '@temporalio/worker'
import type temporal from '@temporalio/proto'
import { chunkTaskQueue, responseTaskQueue, webhookTaskQueue } from '../../lib/domain/task-queues.ts'
import { registerSearchAttributes } from '../../lib/temporal/connect.ts'
import type { batchWorkflow } from '../../workflows/batch.ts'
import type { responseWorkflow } from '../../workflows/response.ts'
import type { webhookDispatchWorkflow } from '../../workflows/webhook-dispatch.ts'
import type { webhookReplayWorkflow } from '../../workflows/webhook-replay.ts'
import { testConfig } from '../support/config.ts'
import type { WebhookDispatchScenario } from './webhook-dispatch-scenarios.ts'
import type { WebhookReplayScenario } from './webhook-replay-scenarios.ts'
import type { ResponseScenario } from './response-scenarios.ts'
import type { Scenario, Trace } from './scenarios.ts'

export interface ScenarioRun {
  readonly trace: Trace
  /** Of every run, oldest first: a run that continues as new has a successor. */
  readonly histories: temporal.temporal.api.history.v1.IHistory[]
  readonly state: unknown
}

export interface Connections { readonly client: Client, readonly native: NativeConnection, close: () => Promise<void> }

Runtime.install({ logger: new DefaultLogger('WARN') })

export async function connect (): Promise<Connections> {
  const { temporalAddress: address } = testConfig()
  const [connection, native] = await Promise.all([Connection.connect({ address }), NativeConnection.connect({ address })])
  const client = new Client({ connection })
  await registerSearchAttributes(client)
  return { client, native, close: async () => { await Promise.all([connection.close(), native.close()]) } }
}

/** Runs the real workflow code on a real server with the scenario's activities. */
export async function runScenario (scenario: Scenario, workflowBundle: WorkflowBundleOption, { client, native: connection }: Connections): Promise<ScenarioRun> {
  const taskQueue = `${scenario.name}-${randomUUID()}`
  const trace: Trace = []
  const { runChunk, ...short } = scenario.activities(trace)
  const workers = await Promise.all([
    Worker.create({ connection, taskQueue, workflowBundle, activities: short }),
    Worker.create({ connection, taskQueue: chunkTaskQueue(taskQueue), activities: { runChunk }, maxHeartbeatThrottleInterval: '100ms' })
  ])
  const [rest, chunks] = workers as [Worker, Worker]
  return await rest.runUntil(chunks.runUntil(async () => {
    const batchId = `batch_${randomUUID().replaceAll('-', '')}`
    const handle = await client.workflow.start<typeof batchWorkflow>('batchWorkflow', {
      taskQueue,
      workflowId: `batch:${batchId}`,
      args: [{ batchId, organizationId: 'org_1', projectId: 'proj_1', expiresAt: '2100-01-01T00:00:00.000Z', ...scenario.input }]
    })
    await scenario.drive?.(handle, trace)
    await handle.result()
    return await readRun(client, handle, trace)
  }))
}

export async function runResponseScenario (scenario: ResponseScenario, workflowBundle: WorkflowBundleOption, { client, native: connection }: Connections): Promise<ScenarioRun> {
  const taskQueue = `${scenario.name}-${randomUUID()}`
  const trace: Trace = []
  const { runResponse, failResponse } = scenario.activities(trace)
  const [rest, calls] = await Promise.all([
    Worker.create({ connection, taskQueue, workflowBundle, activities: { failResponse } }),
    Worker.create({ connection, taskQueue: responseTaskQueue(taskQueue), activities: { runResponse }, maxHeartbeatThrottleInterval: '100ms' })
  ])
  return await rest.runUntil(calls.runUntil(async () => {
    const responseId = `resp_${randomUUID().replaceAll('-', '')}`
    const handle = await client.workflow.start<typeof responseWorkflow>('responseWorkflow', {
      taskQueue,
      workflowId: `response:${responseId}`,
      args: [{ responseId, organizationId: 'org_1', projectId: 'proj_1' }]
    })
    await scenario.drive?.(handle, trace)
    await handle.result()
    return await readRun(client, handle, trace)
  }))
}

export async function runWebhookReplayScenario (scenario: WebhookReplayScenario, workflowBundle: WorkflowBundleOption, { client, native: connection }: Connections): Promise<ScenarioRun> {
  const taskQueue = `${scenario.name}-${randomUUID()}`
  const trace: Trace = []
  const worker = await Worker.create({ connection, taskQueue, workflowBundle, activities: scenario.activities(trace), maxHeartbeatThrottleInterval: '100ms' })
  return await worker.runUntil(async () => {
    const jobId = `replay_${randomUUID().replaceAll('-', '')}`
    const handle = await client.workflow.start<typeof webhookReplayWorkflow>('webhookReplayWorkflow', {
      taskQueue,
      workflowId: `webhook-replay:${jobId}`,
      args: [{ jobId, organizationId: 'org_1', projectId: 'proj_1', ...scenario.input }]
    })
    await scenario.drive?.(handle, trace)
    await handle.result()
    return await readRun(client, handle, trace)
  })
}

export async function runWebhookDispatchScenario (scenario: WebhookDispatchScenario, workflowBundle: WorkflowBundleOption, { client, native: connection }: Connections): Promise<ScenarioRun> {
  const taskQueue = `${scenario.name}-${randomUUID()}`
  const trace: Trace = []
  const [rest, deliveries] = await Promise.all([
    Worker.create({ connection, taskQueue, workflowBundle }),
    Worker.create({ connection, taskQueue: webhookTaskQueue(taskQueue), activities: scenario.activities(trace), maxHeartbeatThrottleInterval: '100ms' })
  ])
  return await rest.runUntil(deliveries.runUntil(async () => {
    const endpointId = `we_${randomUUID().replaceAll('-', '')}`
    const handle = await client.workflow.start<typeof webhookDispatchWorkflow>('webhookDispatchWorkflow', {
      taskQueue,
      workflowId: `webhook:${endpointId}`,
      args: [{ endpointId, organizationId: 'org_1', projectId: 'proj_1', ...scenario.input }]
    })
    await scenario.drive?.(handle, trace)
    await handle.result()
    return await readRun(client, handle, trace)
  }))
}

async function readRun (client: Client, handle: WorkflowHandleWithFirstExecutionRunId<Workflow>, trace: Trace): Promise<ScenarioRun> {
  const histories = []
  for (let runId: string | null | undefined = handle.firstExecutionRunId; runId != null;) {
    const history: temporal.temporal.api.history.v1.IHistory = await client.workflow.getHandle(handle.workflowId, runId).fetchHistory()
    histories.push(history)
    runId = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId
  }
  const { searchAttributes } = await client.workflow.getHandle(handle.workflowId).describe()
  return { trace, histories, state: searchAttributes.SiraState }
}
