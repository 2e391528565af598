import test from 'ava'
import { abandoned, admits, answering, begun, closedBreaker, failed, succeeded, type Breaker } from '../../../lib/domain/circuit-breaker.ts'

const failTimes = (times: number, now = 0): Breaker => {
  let breaker = closedBreaker
  for (let time = 0; time < times; time++) breaker = failed(breaker, now, null)
  return breaker
}

test('a circuit stays closed through four failures in a row and opens at the fifth', t => {
  t.true(admits(failTimes(4), 0))
  t.false(admits(failTimes(5), 0))
  t.false(admits(failTimes(5), 1_999))
  t.true(admits(failTimes(5), 2_000))
})

test('a success between failures starts the count of a circuit anew', t => {
  t.true(admits(failed(succeeded(failTimes(4)), 0, null), 0))
})

test('a half-open circuit lets one call through, and none beside it', t => {
  const half = begun(failTimes(5), 2_000)
  t.false(admits(half, 2_000))
  t.true(admits(succeeded(half), 2_000))
  t.true(admits(abandoned(half), 2_000), 'a call that told nothing leaves the place to another')
})

test('each failed try of a half-open circuit doubles the pause, up to a minute', t => {
  let breaker = failTimes(5)
  const pauses: number[] = []
  for (let now = breaker.until; pauses.length < 7; now = breaker.until) {
    breaker = failed(begun(breaker, now), now, null)
    pauses.push(breaker.until - now)
  }
  t.deepEqual(pauses, [4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000])
})

test('Retry-After opens a circuit at once for that long, a minute at most', t => {
  const rested = failed(closedBreaker, 100, 3_000)
  t.false(admits(rested, 3_099))
  t.true(admits(rested, 3_100))
  t.is(failed(closedBreaker, 0, 3_600_000).until, 60_000)
})

test('a try that has begun to answer lets others through, and the next failure opens the circuit again, for longer', t => {
  const trial = answering(begun(failTimes(5), 2_000))
  t.true(admits(trial, 2_000))
  t.is(failed(trial, 2_000, null).until, 2_000 + 4_000)
  t.deepEqual(succeeded(trial), closedBreaker)
  t.deepEqual(answering(failTimes(3)), failTimes(3), 'no try: what was counted stays')
})
