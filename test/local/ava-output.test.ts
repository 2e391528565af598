import test from 'ava'
import { countAvaResults } from '../../local/ava-output.ts'

test('passes are counted by their check marks, colours or not', t => {
  t.deepEqual(countAvaResults(['', '  ✔ one', '  \u001b[32m✔\u001b[39m two (1.2s)', '    ✔ printed by a test', '  - [skip] three', '  2 tests passed'], 0), { passed: 2, failed: 0 })
})

test('failed tests, hooks, exceptions and timeouts all count as failures', t => {
  const lines = ['  ✔ one', '  1 test failed', '  2 hooks failed', '  1 uncaught exception', '  3 unhandled rejections', '  2 tests remained pending after a timeout', '  1 test skipped']
  t.deepEqual(countAvaResults(lines, 1), { passed: 1, failed: 9 })
})

test('a bad exit code without a counted failure is one failure', t => {
  t.deepEqual(countAvaResults(['  ✔ one'], 1), { passed: 1, failed: 1 })
  t.deepEqual(countAvaResults(['  ✔ one'], null), { passed: 1, failed: 1 })
})
