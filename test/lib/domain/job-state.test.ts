import test from 'ava'
import { isTerminal, jobStates, statesBefore, terminalStates } from '../../../lib/domain/job-state.ts'

test('no state can be left once it is terminal', t => {
  for (const to of jobStates) t.false(statesBefore(to).some(isTerminal), to)
})

test('every terminal state can be reached, and queued by nothing', t => {
  for (const to of terminalStates) t.true(statesBefore(to).length > 0, to)
  t.deepEqual(statesBefore('queued'), [])
})
