import test from 'ava'
import { request } from 'undici'
import { createLimiter, duration } from '../../../local/simulator/limits.ts'
import { chat, errorOf, post, simulatorFor } from './helpers.ts'

const none = { maxInFlight: null, requestsPerMinute: null, tokensPerMinute: null }

test('simulator limits: more calls in flight than allowed are 429 with Retry-After', async t => {
  const simulator = await simulatorFor(t, { latency: 200, limits: { maxInFlight: 2 } })
  const answers = await Promise.all([0, 1, 2, 3].map(index => chat(simulator, `Row ${index}`)))
  const statuses = answers.map(answer => answer.statusCode).sort()
  t.deepEqual(statuses, [200, 200, 429, 429])
  const limited = answers.find(answer => answer.statusCode === 429)!
  t.is(limited.headers['retry-after'], '1')
  t.like(await errorOf(limited), { type: 'requests', code: 'rate_limit_exceeded' })
  t.is((await chat(simulator, 'Row 5')).statusCode, 200)
  t.like(simulator.stats(), { by_outcome: { answered: 3, limited: 2 } })
})

test('simulator limits: requests a minute are counted down in x-ratelimit headers and then refused', async t => {
  const simulator = await simulatorFor(t, { limits: { requestsPerMinute: 3 } })
  const remaining: unknown[] = []
  for (let index = 0; index < 4; index++) {
    const answer = await chat(simulator, `Row ${index}`)
    remaining.push([answer.statusCode, answer.headers['x-ratelimit-limit-requests'], answer.headers['x-ratelimit-remaining-requests']])
    if (answer.statusCode === 429) {
      const retryAfter = Number(answer.headers['retry-after'])
      t.true(retryAfter >= 15 && retryAfter <= 20)
      t.true(Number(answer.headers['retry-after-ms']) <= 20_000)
      t.is(answer.headers['x-ratelimit-reset-requests'], '1m0s')
    }
    await answer.body.dump()
  }
  t.deepEqual(remaining, [[200, '3', '2'], [200, '3', '1'], [200, '3', '0'], [429, '3', '0']])
  await post(simulator, '/_sim/options', { limits: { requestsPerMinute: null } })
  t.is((await chat(simulator, 'Row 4')).statusCode, 200)
})

test('simulator limits: a bucket refills evenly and never beyond a minute\'s worth', t => {
  const limiter = createLimiter({ ...none, requestsPerMinute: 60 })
  const admit = (now: number): boolean => limiter.admit(now, 10, 1).error === null
  t.deepEqual(new Set(Array.from({ length: 60 }, () => admit(0))), new Set([true]))
  t.false(admit(0))
  t.false(admit(999))
  t.true(admit(1000))
  t.false(admit(1500))
  t.is(Array.from({ length: 100 }, () => admit(1_000_000)).filter(Boolean).length, 60)
})

test('simulator limits: tokens a minute let a call overdraw and make the next one wait', t => {
  const limiter = createLimiter({ ...none, tokensPerMinute: 6000 })
  t.is(limiter.admit(0, 6100, 1).error, null)
  const { error, headers } = limiter.admit(0, 10, 1)
  t.is(error!.status, 429)
  t.true(error!.body.includes('"type":"tokens"'))
  t.is(error!.headers[error!.headers.indexOf('retry-after-ms') + 1], '1010')
  t.is(headers[headers.indexOf('x-ratelimit-remaining-tokens') + 1], '0')
  t.is(limiter.admit(1010, 10, 1).error, null)
})

test('simulator limits: durations are in OpenAI\'s notation', t => {
  t.deepEqual([0, 120, 999.5, 1001, 59_000, 360_000].map(duration), ['0ms', '120ms', '1s', '2s', '59s', '6m0s'])
})

const wrong: readonly [object, string][] = [
  [{ speed: 1 }, 'speed'],
  [{ latency: -1 }, 'latency'],
  [{ latency: { kind: 'normal' } }, 'latency.kind'],
  [{ latency: { kind: 'fixed', p50: 3 } }, 'p50'],
  [{ latencies: { 'gpt-x': 1 } }, 'gpt-x'],
  [{ limits: { perMinute: 1 } }, 'perMinute'],
  [{ limits: { maxInFlight: 0 } }, 'limits.maxInFlight'],
  [{ seed: 'x' }, 'seed']
]
for (const [options, named] of wrong) {
  test(`simulator options: ${JSON.stringify(options)} is refused by name and changes nothing`, async t => {
    const simulator = await simulatorFor(t)
    const answer = await post(simulator, '/_sim/options', { ...options })
    t.is(answer.statusCode, 400)
    t.true((await errorOf(answer)).message.includes(named))
    t.like(await (await request(`${simulator.url}/_sim/options`)).body.json(), { seed: 1, latency: 0 })
  })
}
