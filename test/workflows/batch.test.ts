import test from 'ava'
import type { WorkflowBundleOption } from '@temporalio/worker'
import { loadWorkflowBundle } from '../../worker/workflow-bundle.ts'
import { engineVariable } from '../support/engines.ts'
import { connect, runScenario, type Connections, type ScenarioRun } from './run-scenario.ts'
import { scenarios } from './scenarios.ts'

let bundle: WorkflowBundleOption
let connections: Connections
test.before(async () => { [bundle, connections] = await Promise.all([loadWorkflowBundle(engineVariable('WORKFLOW_BUNDLE')), connect()]) })
test.after.always(async () => { await connections.close() })

async function run (name: string): Promise<ScenarioRun> {
  return await runScenario(scenarios.find(scenario => scenario.name === name)!, bundle, connections)
}

test('a batch begins, works every chunk once and finalises', async t => {
  const { trace, state } = await run('batch-succeeded')
  t.is(trace[0], 'begin')
  t.deepEqual(trace.slice(1, -1).sort(), Array.from({ length: 7 }, (_, chunk) => `chunk ${chunk} done`))
  t.is(trace.at(-1), 'finalize all')
  t.deepEqual(state, ['succeeded'])
})

test('a batch whose input is bad ends after begin', async t => {
  const { trace, state } = await run('batch-failed-input')
  t.deepEqual(trace, ['begin'])
  t.deepEqual(state, ['failed'])
})

test('a chunk that a stopping worker hands over is worked again', async t => {
  const { trace } = await run('batch-handed-over')
  t.is(trace.filter(entry => entry.startsWith('chunk 0')).join(), 'chunk 0 handover,chunk 0 done')
  t.is(trace.at(-1), 'finalize all')
})

test('a paused chunk waits for the resume signal and goes on', async t => {
  const { trace } = await run('batch-paused-and-resumed')
  t.is(trace.filter(entry => entry.startsWith('chunk 1')).join(), 'chunk 1 paused,chunk 1 done')
})

test('a paused batch can be cancelled', async t => {
  const { trace, state } = await run('batch-cancelled-while-paused')
  t.is(trace.at(-1), 'finalize cancelled')
  t.deepEqual(state, ['cancelled'])
})

test('a paused batch expires when its window ends', async t => {
  const { trace } = await run('batch-window-over-while-paused')
  t.is(trace.at(-1), 'finalize expired')
})

test('a batch that spent its budget opens no further chunk', async t => {
  const { trace } = await run('batch-budget-exceeded')
  t.is(trace.at(-1), 'finalize budget_exceeded')
})

test('cancelling the run in Temporal ends the batch properly', async t => {
  const { trace } = await run('batch-run-cancelled-by-operator')
  t.deepEqual(trace.slice(-2), ['request cancel', 'finalize cancelled'])
})

test('a long batch continues as new and repeats no chunk', async t => {
  const { trace, histories } = await run('batch-continued-as-new')
  t.true(histories.length > 1)
  t.deepEqual(trace.filter(entry => entry.startsWith('chunk')).sort(), Array.from({ length: 30 }, (_, chunk) => `chunk ${chunk} done`).sort())
  t.is(trace.filter(entry => entry === 'begin').length, 1)
})
