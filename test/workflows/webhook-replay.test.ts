import test from 'ava'
import type { WorkflowBundleOption } from '@temporalio/worker'
import { loadWorkflowBundle } from '../../worker/workflow-bundle.ts'
import { engineVariable } from '../support/engines.ts'
import { connect, runWebhookReplayScenario, type Connections, type ScenarioRun } from './run-scenario.ts'
import { webhookReplayScenarios } from './webhook-replay-scenarios.ts'

let bundle: WorkflowBundleOption
let connections: Connections
test.before(async () => { [bundle, connections] = await Promise.all([loadWorkflowBundle(engineVariable('WORKFLOW_BUNDLE')), connect()]) })
test.after.always(async () => { await connections.close() })

async function run (name: string): Promise<ScenarioRun> {
  return await runWebhookReplayScenario(webhookReplayScenarios.find(scenario => scenario.name === name)!, bundle, connections)
}

test('a replay queues until all is queued, waits until all has ended, and finishes once', async t => {
  const { trace, state } = await run('webhook-replay-succeeded')
  t.deepEqual(trace, ['queue more', 'queue more', 'queue queued', 'count waiting', 'count waiting', 'count done', 'finish done'])
  t.deepEqual(state, ['succeeded'])
})

test('a replay whose endpoint is disabled while it queues, or deleted while it waits, ends and says so', async t => {
  t.deepEqual((await run('webhook-replay-endpoint-disabled')).trace, ['queue more', 'queue disabled', 'finish disabled'])
  const { trace, state } = await run('webhook-replay-endpoint-deleted')
  t.deepEqual(trace, ['queue queued', 'count waiting', 'count deleted', 'finish deleted'])
  t.deepEqual(state, ['failed'])
})

test('a cancel ends the wait of a replay', async t => {
  const { trace, state } = await run('webhook-replay-cancelled-while-waiting')
  t.is(trace.at(-1), 'finish cancelled')
  t.deepEqual(state, ['cancelled'])
})

test('a replay with a long history goes on as a new run, which queues nothing again', async t => {
  const { trace, histories } = await run('webhook-replay-continued-as-new')
  t.true(histories.length > 1)
  t.deepEqual(trace.filter(entry => !entry.startsWith('queue')), ['count waiting', 'count waiting', 'count waiting', 'count done', 'finish done'])
  t.is(trace.filter(entry => entry === 'queue queued').length, histories.length, 'each run asks once')
})

test('cancelling the run of a replay in Temporal cancels the job', async t => {
  const { trace } = await run('webhook-replay-run-cancelled-by-operator')
  t.deepEqual(trace.filter(entry => entry !== 'stopped'), ['queue', 'request cancel', 'finish cancelled'])
})
