import test from 'ava'
import { loadConfig } from '../../../lib/config.ts'
import { allowedConcurrency, isHopeless, nextStep } from '../../../lib/domain/delivery-schedule.ts'

const second = 1_000
const hour = 3_600 * second
const { schedule } = loadConfig({}).webhooks
const first = { round: 0, tried: [] }

function step (status: number | null, options: { retryAfter?: number, random?: number, round?: number, tried?: string[], targets?: string[], url?: string, schedule?: readonly number[] } = {}) {
  return nextStep({
    verdict: { status, retryAfter: options.retryAfter ?? null },
    place: { round: options.round ?? 0, tried: options.tried ?? [] },
    url: options.url ?? 'a',
    targets: options.targets ?? ['a'],
    schedule: options.schedule ?? schedule,
    random: options.random ?? 0.5
  })
}

test('a delivery that always fails is tried 10 times over 75 h 35 m', t => {
  let place: { round: number, tried: readonly string[] } = first
  const delays: number[] = []
  for (;;) {
    const next = step(500, { round: place.round })
    if (next.state === 'exhausted') break
    delays.push(next.delay)
    place = next
  }
  t.deepEqual(delays.map(delay => delay / second), [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400])
  t.is(delays.reduce((sum, delay) => sum + delay), 75 * hour + 35 * 60 * second + 5 * second)
})

test('retries are spread by 20 percent around their time', t => {
  t.is(step(500, { round: 1, random: 0 }).delay, 240 * second)
  t.is(step(500, { round: 1, random: 0.999999 }).delay, 360 * second)
})

test('2xx is success and everything else is failure, redirects too', t => {
  for (const status of [200, 201, 204, 299]) t.like(step(status), { state: 'delivered', rest: null, gone: false })
  for (const status of [null, 199, 300, 301, 302, 307, 308, 400, 404, 409, 410, 429, 500, 503]) t.like(step(status), { state: 'pending', round: 1 })
})

test('Retry-After delays the next attempt, never brings it forward, and counts up to 24 h', t => {
  t.is(step(503, { retryAfter: hour }).delay, hour)
  t.is(step(503, { retryAfter: 1 }).delay, 5 * second)
  t.is(step(503, { retryAfter: 1_000 * hour }).delay, 24 * hour)
})

test('an endpoint rests after 429, 502 and 504, and whenever it names a time', t => {
  for (const status of [429, 502, 504]) t.is(step(status).rest, 5 * second)
  t.is(step(500).rest, null)
  t.is(step(null).rest, null)
  t.is(step(500, { retryAfter: 90 * second }).rest, 90 * second)
  t.is(step(429, { schedule: [0, hour] }).rest, 60 * second, 'at most a minute when it names none')
})

test('other targets are tried at once before the schedule goes on', t => {
  const targets = ['a', 'b', 'c']
  t.deepEqual(step(500, { targets }), { state: 'pending', round: 0, tried: ['a'], delay: 0, rest: null, gone: false })
  t.deepEqual(step(429, { targets, url: 'c', tried: ['a'] }), { state: 'pending', round: 0, tried: ['a', 'c'], delay: 0, rest: null, gone: false }, 'the endpoint does not rest while a target is left')
  t.deepEqual(step(500, { targets, url: 'b', tried: ['a', 'c'] }), { state: 'pending', round: 1, tried: [], delay: 5 * second, rest: null, gone: false })
})

test('410 of the only target means gone; of one among several it is a failure', t => {
  t.true(step(410).gone)
  t.false(step(410, { targets: ['a', 'b'], tried: ['b'] }).gone)
})

test('an endpoint is hopeless after nothing but failure for long enough, and 20 attempts at least', t => {
  const disableAfter = 5 * 24 * hour
  t.true(isHopeless({ failures: 20, failingFor: disableAfter, disableAfter }))
  t.false(isHopeless({ failures: 19, failingFor: 2 * disableAfter, disableAfter }))
  t.false(isHopeless({ failures: 1_000, failingFor: disableAfter - 1, disableAfter }))
})

test('a failing endpoint is tried with one request at a time', t => {
  t.deepEqual([0, 3, 4, 100].map(failures => allowedConcurrency(10, failures)), [10, 10, 1, 1])
})
