import test from 'ava'
import { answered } from '../../activities/batch/row-results.ts'
import type { PinnedPrice } from '../../lib/contracts/prices.ts'
import type { Row } from '../../activities/batch/prepare-row.ts'

test('an answer over several lines is one line of the output', t => {
  const row = { line: 1, customId: 'a', model: 'm', body: '{}', outputTokens: 1 } as unknown as Row
  const result = answered(row, 1, { provider: 'p' } as unknown as PinnedPrice, { statusCode: 200, requestId: null, body: '{\n  "a": 1\n}\n', usage: null }, 0)
  t.is(result.body, '{ "a": 1 }')
})
