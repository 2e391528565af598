import test from 'ava'
import { createPace } from '../../../lib/domain/pace.ts'

/** Requests that start within `duration` ms when the clock is looked at every `step` ms. */
function count (perSecond: number | null, duration: number, step: number): number {
  const pace = createPace(perSecond)
  let started = 0
  for (let now = 0; now < duration; now += step) {
    while (started < 100_000 && pace.wait(now) === 0) {
      pace.take(now)
      started += 1
    }
  }
  return started
}

test('requests keep to their rate without a burst at the beginning', t => {
  t.is(count(10, 100, 1), 1)
  t.is(count(10, 10_000, 1), 100)
})

test('late timers do not lower the rate', t => {
  const started = count(50, 10_000, 37)
  t.true(started >= 497 && started <= 500, `${started}`)
})

test('a pause is not made up for by a burst', t => {
  const pace = createPace(100)
  pace.take(0)
  let burst = 0
  while (pace.wait(60_000) === 0) {
    pace.take(60_000)
    burst += 1
  }
  t.true(burst <= 11, `${burst}`)
})

test('without a rate nothing waits', t => {
  t.is(createPace(null).wait(0), 0)
})
