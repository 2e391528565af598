import test from 'ava'
import type { WorkflowBundleOption } from '@temporalio/worker'
import { loadWorkflowBundle } from '../../worker/workflow-bundle.ts'
import { engineVariable } from '../support/engines.ts'
import { responseScenarios } from './response-scenarios.ts'
import { connect, runResponseScenario, type Connections, type ScenarioRun } from './run-scenario.ts'

let bundle: WorkflowBundleOption
let connections: Connections
test.before(async () => { [bundle, connections] = await Promise.all([loadWorkflowBundle(engineVariable('WORKFLOW_BUNDLE')), connect()]) })
test.after.always(async () => { await connections.close() })

async function run (name: string): Promise<ScenarioRun> {
  return await runResponseScenario(responseScenarios.find(scenario => scenario.name === name)!, bundle, connections)
}

test('a background response is called once when that succeeds', async t => {
  const { trace } = await run('response-succeeded')
  t.deepEqual(trace, ['run 1', 'done'])
})

test('a background response is called again when its call could not be made yet', async t => {
  const { trace } = await run('response-retried')
  t.deepEqual(trace, ['run 1', 'run 2', 'run 3', 'done'])
})

test('a background response whose call is given up is ended as failed', async t => {
  const { trace } = await run('response-given-up')
  t.deepEqual(trace, ['run 1', 'fail'])
})

test('cancelling the run of a background response in Temporal ends it properly', async t => {
  const { trace } = await run('response-run-cancelled-by-operator')
  t.deepEqual(trace, ['run 1', 'stopped', 'fail'])
})
