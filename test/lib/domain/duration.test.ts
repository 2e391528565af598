import test from 'ava'
import { parseDuration } from '../../../lib/domain/duration.ts'

test('durations are read in ms', t => {
  t.deepEqual(['0s', '250ms', '5s', '5m', '10h', '5d', ' 1s '].map(parseDuration), [0, 250, 5_000, 300_000, 36_000_000, 432_000_000, 1_000])
})

test('what is no duration, or too long, is refused', t => {
  for (const text of ['', '5', '-1s', '1.5h', '5 m', '1w', '31d', '5m5s']) t.is(parseDuration(text), null, text)
})
