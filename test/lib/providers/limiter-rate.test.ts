import test from 'ava'
import { charge, createRateBucket, setRate, setShare, waitFor } from '../../../lib/providers/limiter-rate.ts'
import { seeded } from '../_seeded.ts'

/** Lets calls go as early as the bucket allows, from now on without a pause or after random ones; times in ms and costs. */
function saturate (perMinute: number, minutes: number, cost: () => number, pause: () => number): { time: number, cost: number }[] {
  const bucket = createRateBucket(perMinute)
  setShare(bucket, 1, 0)
  const calls: { time: number, cost: number }[] = []
  for (let time = 0; ;) {
    time += pause()
    const next = cost()
    for (let delay = waitFor(bucket, next, time); delay > 0; delay = waitFor(bucket, next, time)) time += Math.ceil(delay)
    if (time > minutes * 60_000) return calls
    charge(bucket, next)
    calls.push({ time, cost: next })
  }
}

/** The most that went within any 60 s, the end excluded. */
function busiestMinute (calls: readonly { time: number, cost: number }[]): number {
  let sum = 0
  let most = 0
  let first = 0
  for (const call of calls) {
    sum += call.cost
    while (calls[first]!.time <= call.time - 60_000) sum -= calls[first++]!.cost
    most = Math.max(most, sum)
  }
  return most
}

for (const perMinute of [1, 7, 60, 61, 600, 9999]) {
  test(`no sliding minute sees more than ${perMinute} requests, and little is lost`, t => {
    const steady = saturate(perMinute, 10, () => 1, () => 0)
    t.true(busiestMinute(steady) <= perMinute, `${busiestMinute(steady)}`)
    t.true(steady.length >= perMinute * 10 * 0.95, `${steady.length}`)
    const random = seeded(perMinute)
    const bursts = saturate(perMinute, 10, () => 1, () => random() < 0.02 ? random() * 5_000 : 0)
    t.true(busiestMinute(bursts) <= perMinute, `${busiestMinute(bursts)}`)
  })
}

test('no sliding minute sees more tokens than the limit while calls cost less than a second\'s worth', t => {
  const random = seeded(11)
  const calls = saturate(600_000, 5, () => 1 + Math.floor(random() * 10_000), () => 0)
  t.true(busiestMinute(calls) <= 600_000, `${busiestMinute(calls)}`)
  t.true(calls.reduce((sum, call) => sum + call.cost, 0) >= 600_000 * 5 * 0.95)
})

test('a call dearer than the bucket goes when the bucket is full, and the debt is worked off', t => {
  const calls = saturate(60_000, 10, () => 50_000, () => 0)
  t.is(calls[0]!.time, 0)
  t.true(calls.length >= 11 && calls.length <= 12, `${calls.length}`)
  // one call, less what the bucket holds, is what a minute can have too much
  t.true(busiestMinute(calls) <= 60_000 + 49_000, `${busiestMinute(calls)}`)
})

test('two workers with changing shares stay within the limit together', t => {
  const random = seeded(13)
  const perMinute = 1200
  const buckets = [createRateBucket(perMinute), createRateBucket(perMinute)] as const
  const calls: { time: number, cost: number }[] = []
  let share = 1
  for (let time = 0; time < 600_000; time++) {
    if (time === 0 || random() < 0.002) {
      share = 0.05 + random() * 0.9
      setShare(buckets[0], share, time)
      setShare(buckets[1], 1 - share, time)
    }
    for (const bucket of buckets) {
      while (waitFor(bucket, 1, time) === 0) {
        charge(bucket, 1)
        calls.push({ time, cost: 1 })
      }
    }
  }
  // two more: a call may cost a small share more than its bucket holds
  t.true(busiestMinute(calls) <= perMinute + 2, `${busiestMinute(calls)}`)
  t.true(calls.length >= perMinute * 10 * 0.95, `${calls.length}`)
})

test('a worker that comes and goes saves no more than its share would have brought', t => {
  const perMinute = 600
  const bucket = createRateBucket(perMinute)
  let calls = 0
  for (let time = 0; time < 60_000; time++) {
    if (time % 500 === 0) setShare(bucket, 0.5, time)
    for (; bucket.share > 0 && waitFor(bucket, 1, time) === 0; calls++) charge(bucket, 1)
    if (time % 500 === 20) setShare(bucket, 0, time)
  }
  t.true(calls <= perMinute / 2 + 1, `${calls}`)
})

test('a rate that is lowered or raised holds from then on', t => {
  const bucket = createRateBucket(6_000)
  setShare(bucket, 1, 0)
  const minutes = [6_000, 60, 600, 60_000].map((perMinute, minute) => {
    setRate(bucket, perMinute, minute * 60_000)
    let calls = 0
    for (let time = minute * 60_000; time < (minute + 1) * 60_000; time++) {
      for (; waitFor(bucket, 1, time) === 0; calls++) charge(bucket, 1)
    }
    return calls / perMinute
  })
  t.true(minutes.every(part => part > 0.95 && part <= 1), minutes.join())
})

test('a debt takes no longer after the rate was lowered, and less after it was raised', t => {
  const waitAfter = (perMinute: number): number => {
    const bucket = createRateBucket(60_000)
    setShare(bucket, 1, 0)
    t.is(waitFor(bucket, 31_000, 0), 0)
    charge(bucket, 31_000)
    setRate(bucket, perMinute, 0)
    return waitFor(bucket, 0, 0)
  }
  const before = waitAfter(60_000)
  t.true(Math.abs(before - 30_000) < 1_000, `${before}`)
  t.true(Math.abs(waitAfter(60) - before) < 1, `${waitAfter(60)}`)
  t.true(Math.abs(waitAfter(600_000) - before / 10) < 100, `${waitAfter(600_000)}`)
})
