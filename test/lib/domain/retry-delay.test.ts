import test from 'ava'
import { retryDelay } from '../../../lib/domain/retry-delay.ts'

test('retry delays double from 500 ms to 30 s', t => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100, 5000].map(attempt => retryDelay({ attempt, retryAfter: null, random: 0.5 }))
  t.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000])
})

test('retry delays are spread by a quarter either way', t => {
  t.is(retryDelay({ attempt: 2, retryAfter: null, random: 0 }), 750)
  t.is(retryDelay({ attempt: 2, retryAfter: null, random: 0.999999 }), 1250)
})

test('a Retry-After is waited for at least, with jitter on top', t => {
  t.is(retryDelay({ attempt: 1, retryAfter: 2000, random: 0 }), 2000)
  t.is(retryDelay({ attempt: 1, retryAfter: 2000, random: 0.999999 }), 2500)
  t.is(retryDelay({ attempt: 8, retryAfter: 0, random: 0 }), 0)
  t.is(retryDelay({ attempt: 8, retryAfter: 0, random: 0.5 }), 3750)
})
