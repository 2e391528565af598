import test from 'ava'
import { openaiStatus } from '../../api/serialize-openai-batch.ts'
import { jobStates } from '../../lib/domain/job-state.ts'

const now = new Date()
for (const [state, running, cancelling] of [
  ['queued', 'validating', 'cancelling'], ['running', 'in_progress', 'cancelling'], ['paused', 'in_progress', 'cancelling'],
  ['finalizing', 'finalizing', 'cancelling'], ['succeeded', 'completed', 'completed'], ['failed', 'failed', 'failed'],
  ['cancelled', 'cancelled', 'cancelled'], ['expired', 'expired', 'expired']
] as const) {
  test(`a ${state} job is ${running} to OpenAI clients, and ${cancelling} once cancel was requested`, t => {
    t.true(jobStates.includes(state))
    t.is(openaiStatus({ state, cancelRequestedAt: null }), running)
    t.is(openaiStatus({ state, cancelRequestedAt: now }), cancelling)
  })
}
