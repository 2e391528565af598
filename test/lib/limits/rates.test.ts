import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { headerObject } from '../../../lib/domain/header-list.ts'
import type { SiraError } from '../../../lib/errors.ts'
import { seeded } from '../_seeded.ts'
import { ruleOf, startLimiting, tryAdmit } from './_limits.ts'

for (const limit of [1, 2, 5]) {
  test(`a limit of ${limit} requests a minute admits exactly as many over two processes`, async t => {
    const { processes } = await startLimiting(t, 2)
    const rules = [ruleOf({ requestsPerMinute: limit })]
    const verdicts = await Promise.all(Array.from({ length: 20 }, async (_, index) => await tryAdmit(processes[index % 2]!, rules)))
    t.is(verdicts.filter(verdict => verdict !== null).length, limit)
    await sleep(400)
    t.is(await tryAdmit(processes[0]!, rules), null)
    t.is(await tryAdmit(processes[1]!, rules), null)
  })
}

test('two processes under load admit all of 600 requests a minute and none more', async t => {
  const { processes } = await startLimiting(t, 2)
  const rules = [ruleOf({ requestsPerMinute: 600 })]
  let admitted = 0
  const end = performance.now() + 1_800
  await Promise.all(processes.flatMap(limiting => Array.from({ length: 8 }, async () => {
    while (performance.now() < end) {
      const admission = await tryAdmit(limiting, rules)
      if (admission === null) await sleep(5)
      else {
        admitted += 1
        admission.settle(0)
        await sleep(1)
      }
    }
  })))
  t.true(admitted <= 600, `${admitted} admitted`)
  t.true(admitted >= 594, `${admitted} admitted`)
})

test('what an idle process holds is usable by the other within half a second', async t => {
  const { processes: [idle, busy] } = await startLimiting(t, 2)
  const rules = [ruleOf({ requestsPerMinute: 600 })]
  let admitted = 0
  for (let request = 0; request < 40; request++) if (await tryAdmit(idle!, rules) !== null) admitted += 1
  const end = performance.now() + 1_500
  while (performance.now() < end) {
    if (await tryAdmit(busy!, rules) !== null) admitted += 1
    else await sleep(5)
  }
  t.true(admitted <= 600, `${admitted} admitted`)
  t.true(admitted >= 594, `${admitted} admitted`)
})

test('tokens are reserved by estimate and settled, so that their sum comes to the limit', async t => {
  const { processes } = await startLimiting(t, 2)
  const rules = [ruleOf({ tokensPerMinute: 100_000 })]
  const random = seeded(7)
  let used = 0
  const end = performance.now() + 1_900
  await Promise.all(processes.flatMap(limiting => Array.from({ length: 6 }, async () => {
    while (performance.now() < end) {
      const admission = await tryAdmit(limiting, rules, 200)
      if (admission === null) {
        await sleep(5)
        continue
      }
      await sleep(random() * 4)
      const actual = 50 + Math.floor(random() * 200)
      used += actual
      admission.settle(actual)
    }
  })))
  t.true(used >= 99_000 && used <= 101_000, `${used} tokens`)
})

test('tokens beyond the estimate count against the same minute, for every process', async t => {
  const { processes: [one, two] } = await startLimiting(t, 2)
  const rules = [ruleOf({ tokensPerMinute: 1_000 })]
  const admission = await one!.admit(rules, 100)
  admission.settle(1_000)
  await t.throwsAsync(async () => one!.admit(rules, 1), { code: 'rate_limit_exceeded' })
  await sleep(300)
  await t.throwsAsync(async () => two!.admit(rules, 1), { code: 'rate_limit_exceeded' })
})

test('a new minute has its whole limit, and is not charged for what the last one used', async t => {
  const { clock, processes: [one, two] } = await startLimiting(t, 2)
  const rules = [ruleOf({ requestsPerMinute: 3, tokensPerMinute: 1_000 })]
  const last = (await tryAdmit(one!, rules, 900))!
  t.is(await tryAdmit(two!, rules, 900), null)
  clock.set(60_000)
  last.settle(5_000)
  t.truthy(await tryAdmit(one!, rules, 900))
  await sleep(450) // what the first took in advance is given back, but for a four-hundredth
  t.truthy(await tryAdmit(two!, rules, 95))
  t.is(await tryAdmit(two!, rules, 6), null)
})

test('most requests are admitted without waiting for the database, over the turn of a minute too', async t => {
  const { clock, processes: [one] } = await startLimiting(t, 1)
  const rules = [ruleOf({ requestsPerMinute: 6_000, tokensPerMinute: 6_000_000 })]
  const waits = async (requests: number): Promise<number> => {
    let waited = 0
    for (let request = 0; request < requests; request++) {
      const admission = one!.admit(rules, 500)
      if (admission instanceof Promise) waited += 1
      ;(await admission).settle(400)
      await sleep(3)
    }
    return waited
  }
  t.true(await waits(150) <= 3)
  clock.set(59_700)
  await waits(80)
  clock.set(60_001)
  t.is(await waits(1), 0)
})

test('refusals say what, how long, and what is left, in both families of headers', async t => {
  const { clock, processes: [one] } = await startLimiting(t, 1)
  clock.set(29_100)
  const rules = [ruleOf({ requestsPerMinute: 2, tokensPerMinute: 1_000 }), ruleOf({ subject: 'model:m', kind: 'model', requestsPerMinute: 600 })]
  const { headers } = await one!.admit(rules, 300)
  t.deepEqual(headerObject(headers), {
    'x-ratelimit-limit-requests': '2',
    'x-ratelimit-remaining-requests': '1',
    'x-ratelimit-reset-requests': '31s',
    'x-ratelimit-limit-tokens': '1000',
    'x-ratelimit-remaining-tokens': '700',
    'x-ratelimit-reset-tokens': '31s',
    'ratelimit-policy': '"requests";q=2;w=60, "tokens";q=1000;w=60',
    ratelimit: '"requests";r=1;t=31, "tokens";r=700;t=31'
  })
  await one!.admit(rules, 300)
  const error = await t.throwsAsync<SiraError>(async () => one!.admit(rules, 300), { code: 'rate_limit_exceeded', message: 'Rate limit of the key reached: 2 requests per minute.' })
  t.is(error!.retryAfter, 31)
  t.is(error!.headers['x-ratelimit-remaining-requests'], '0')
})

test('a request that can never fit is refused for good and uses nothing up', async t => {
  const { processes: [one] } = await startLimiting(t, 1)
  const rules = [ruleOf({ requestsPerMinute: 1, tokensPerMinute: 1_000 })]
  const error = await t.throwsAsync<SiraError>(async () => one!.admit(rules, 1_001), { code: 'rate_limit_exceeded' })
  t.is(error!.retryAfter, undefined)
  t.is(error!.headers['x-should-retry'], 'false')
  t.truthy(await tryAdmit(one!, rules, 1_000))
})

test('without rules nothing is asked and nothing made', async t => {
  const { processes: [one] } = await startLimiting(t, 1)
  t.is(one!.admit([], 5), one!.admit([], 6))
})
