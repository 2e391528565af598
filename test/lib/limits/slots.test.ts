import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { seeded } from '../_seeded.ts'
import { ruleOf, startLimiting, tryAdmit } from './_limits.ts'

test('two processes under load never have more requests in flight than the limit, and use all of it', async t => {
  const { processes } = await startLimiting(t, 2)
  const rules = [ruleOf({ concurrency: 10 })]
  const random = seeded(11)
  let inFlight = 0
  let most = 0
  let full = 0
  let looks = 0
  const end = performance.now() + 1_500
  await Promise.all([...processes.flatMap(limiting => Array.from({ length: 12 }, async () => {
    while (performance.now() < end) {
      const admission = await tryAdmit(limiting, rules)
      if (admission === null) {
        await sleep(2)
        continue
      }
      inFlight += 1
      most = Math.max(most, inFlight)
      await sleep(5 + random() * 10)
      inFlight -= 1
      admission.settle(0)
    }
  })), (async () => {
    await sleep(300)
    while (performance.now() < end) {
      looks += 1
      if (inFlight >= 9) full += 1
      await sleep(7)
    }
  })()])
  t.is(most, 10)
  t.true(full > looks * 0.8, `${full} of ${looks}`)
})

test('a client that calls one process after the other is never refused at a limit of one', async t => {
  const { processes } = await startLimiting(t, 2)
  const rules = [ruleOf({ concurrency: 1 })]
  for (let request = 0; request < 8; request++) {
    const admission = await processes[request % 2]!.admit(rules, 0)
    await sleep(2)
    admission.settle(0)
  }
  t.pass()
})

test('at its own limit a process refuses at once', async t => {
  const { processes: [one] } = await startLimiting(t, 1)
  const rules = [ruleOf({ concurrency: 2 })]
  const first = await one!.admit(rules, 0)
  await one!.admit(rules, 0)
  t.throws(() => one!.admit(rules, 0), { code: 'concurrency_limit_exceeded', message: 'The key has 2 requests under way, which is its limit.' })
  first.settle(0)
  first.settle(0)
  t.truthy(await tryAdmit(one!, rules))
  t.is(await tryAdmit(one!, rules), null)
})

test('the slots of a dead process are free again once its death is certain, and idle subjects leave nothing behind', async t => {
  const { pool, processes: [one, two] } = await startLimiting(t, 2)
  const rules = [ruleOf({ concurrency: 3 })]
  for (let request = 0; request < 3; request++) await one!.admit(rules, 0)
  t.is(await tryAdmit(two!, rules), null)
  await one!.die()
  t.is(await tryAdmit(two!, rules), null, 'silent for less than 5 s')
  await pool.query("UPDATE worker SET seen_at = now() - interval '6 seconds' WHERE id = 'worker_1'")
  // Postgres must have sessions of some age: a restart frees the locks of the living
  const start = performance.now()
  let admission = null
  while (admission === null && performance.now() - start < 8_000) admission = await tryAdmit(two!, rules)
  t.truthy(admission)
  admission!.settle(0)
  await sleep(400)
  const { rowCount } = await pool.query("SELECT FROM provider_lease WHERE provider LIKE '%#slots'")
  t.is(rowCount, 0)
})
