import { readdir } from 'node:fs/promises'
import test from 'ava'
import { Worker, type ReplayWorkerOptions } from '@temporalio/worker'
import { loadWorkflowBundle } from '../../worker/workflow-bundle.ts'
import { engineVariable } from '../support/engines.ts'
import { readHistory } from './history-file.ts'
import { responseScenarios } from './response-scenarios.ts'
import { scenarios } from './scenarios.ts'
import { webhookDispatchScenarios } from './webhook-dispatch-scenarios.ts'
import { webhookReplayScenarios } from './webhook-replay-scenarios.ts'

const folder = new URL('../histories/', import.meta.url)
let options: ReplayWorkerOptions
test.before(async () => { options = { workflowBundle: await loadWorkflowBundle(engineVariable('WORKFLOW_BUNDLE')) } })

test('every stored history replays on the present workflow code', async t => {
  const names = (await readdir(folder)).filter(name => name.endsWith('.json'))
  for (const name of names) await t.notThrowsAsync(Worker.runReplayHistory(options, await readHistory(new URL(name, folder))), name)
  for (const { name } of [...scenarios, ...responseScenarios, ...webhookDispatchScenarios, ...webhookReplayScenarios]) t.true(names.some(file => file.startsWith(`${name}.`)), `${name} has a history: npm run histories`)
})

test('a history that the code could not have written is refused', async t => {
  const history = await readHistory(new URL('batch-succeeded.1.json', folder))
  const scheduled = history.events!.find(event => event.activityTaskScheduledEventAttributes?.activityType?.name === 'beginBatch')!
  scheduled.activityTaskScheduledEventAttributes!.activityType!.name = 'anotherActivity'
  await t.throwsAsync(Worker.runReplayHistory(options, history))
})
