import { mkdir, readdir } from 'node:fs/promises'
import test from 'ava'
import { loadWorkflowBundle } from '../../worker/workflow-bundle.ts'
import { engineVariable } from '../support/engines.ts'
import { writeHistory } from './history-file.ts'
import { responseScenarios } from './response-scenarios.ts'
import { connect, runResponseScenario, runScenario, runWebhookDispatchScenario, runWebhookReplayScenario } from './run-scenario.ts'
import { scenarios } from './scenarios.ts'
import { webhookDispatchScenarios } from './webhook-dispatch-scenarios.ts'
import { webhookReplayScenarios } from './webhook-replay-scenarios.ts'

// Not part of the suite: `npm run histories` adds the histories of scenarios that have none. A stored history is never
// replaced, because runs like it may be under way somewhere; a new shape of workflow gets a scenario of its own.
test('the histories of new scenarios are recorded', async t => {
  const folder = new URL('../histories/', import.meta.url)
  await mkdir(folder, { recursive: true })
  const stored = await readdir(folder)
  const [bundle, connections] = await Promise.all([loadWorkflowBundle(engineVariable('WORKFLOW_BUNDLE')), connect()])
  const runs = [
    ...scenarios.map(scenario => ({ name: scenario.name, run: async () => await runScenario(scenario, bundle, connections) })),
    ...responseScenarios.map(scenario => ({ name: scenario.name, run: async () => await runResponseScenario(scenario, bundle, connections) })),
    ...webhookDispatchScenarios.map(scenario => ({ name: scenario.name, run: async () => await runWebhookDispatchScenario(scenario, bundle, connections) })),
    ...webhookReplayScenarios.map(scenario => ({ name: scenario.name, run: async () => await runWebhookReplayScenario(scenario, bundle, connections) }))
  ]
  for (const { name, run } of runs.filter(({ name }) => !stored.some(file => file.startsWith(`${name}.`)))) {
    const { histories } = await run()
    for (const [index, history] of histories.entries()) {
      await writeHistory(new URL(`${name}.${index + 1}.json`, folder), history)
    }
    t.log(`${name}: ${histories.length}`)
  }
  await connections.close()
  t.pass()
})
