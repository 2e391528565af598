import test from 'ava'
import type { WorkflowBundleOption } from '@temporalio/worker'
import { loadWorkflowBundle } from '../../worker/workflow-bundle.ts'
import { engineVariable } from '../support/engines.ts'
import { connect, runWebhookDispatchScenario, type Connections, type ScenarioRun } from './run-scenario.ts'
import { webhookDispatchScenarios } from './webhook-dispatch-scenarios.ts'

let bundle: WorkflowBundleOption
let connections: Connections
test.before(async () => { [bundle, connections] = await Promise.all([loadWorkflowBundle(engineVariable('WORKFLOW_BUNDLE')), connect()]) })
test.after.always(async () => { await connections.close() })

async function run (name: string): Promise<ScenarioRun> {
  return await runWebhookDispatchScenario(webhookDispatchScenarios.find(scenario => scenario.name === name)!, bundle, connections)
}

test('a dispatcher ends when nothing is left to deliver', async t => {
  t.deepEqual((await run('webhook-dispatch-idle')).trace, ['deliver 1', 'idle'])
})

test('a dispatcher delivers again when the next attempt is due', async t => {
  t.deepEqual((await run('webhook-dispatch-waited')).trace, ['deliver 1', 'waiting', 'deliver 2', 'idle'])
})

test('a dispatcher goes on at once when another worker should', async t => {
  t.deepEqual((await run('webhook-dispatch-handed-over')).trace, ['deliver 1', 'more', 'deliver 2', 'more', 'deliver 3', 'idle'])
})

test('new events end the wait of a dispatcher', async t => {
  t.deepEqual((await run('webhook-dispatch-woken')).trace, ['deliver 1', 'waiting', 'deliver 2', 'idle'])
})

test('a dispatcher does not end on events that came while it delivered', async t => {
  t.deepEqual((await run('webhook-dispatch-signalled-while-delivering')).trace, ['deliver 1', 'signalled', 'idle', 'deliver 2', 'idle'])
})

test('a dispatcher with a long history continues as new', async t => {
  const { trace, histories } = await run('webhook-dispatch-continued-as-new')
  t.deepEqual(trace, ['deliver 1', 'more', 'deliver 2', 'more', 'deliver 3', 'more', 'deliver 4', 'idle'])
  t.is(histories.length, 2)
})

test('cancelling the run of a dispatcher in Temporal lets what is under way end', async t => {
  t.deepEqual((await run('webhook-dispatch-run-cancelled-by-operator')).trace, ['deliver 1', 'stopped', 'more'])
  t.deepEqual((await run('webhook-dispatch-cancelled-while-waiting')).trace, ['deliver 1', 'waiting'])
})
