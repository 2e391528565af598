import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { createLimiting } from '../../../lib/limits/limiting.ts'
import { createPool } from '../../../lib/store/database.ts'
import { silentLog } from '../../support/pool.ts'
import { openGate } from '../../support/tcp-gate.ts'
import { ruleOf, startLimiting, standingClock, tryAdmit } from './_limits.ts'

test('while Postgres is away a process goes on with its part of the limits, and what it used then counts afterwards', async t => {
  const { pool, url, processes: [other] } = await startLimiting(t, 2)
  const gate = await openGate(t, url)
  const own = createPool(gate.url, silentLog)
  const clock = standingClock()
  const limiting = createLimiting({ pool: own, processId: 'worker_2', log: silentLog, clock })
  t.teardown(async () => {
    await limiting.close()
    await own.end()
  })
  const rules = [ruleOf({ requestsPerMinute: 100, concurrency: 10 })]
  ;(await limiting.admit(rules, 0)).settle(0)
  await sleep(300) // two processes have been counted
  gate.close()
  clock.set(60_000)
  const admissions = []
  let refusedAt = 0
  for (let request = 0; request < 5; request++) admissions.push(await limiting.admit(rules, 0))
  t.is(await tryAdmit(limiting, rules), null, 'half of the slots')
  for (const admission of admissions) admission.settle(0)
  for (let request = 5; refusedAt === 0 && request < 100; request++) {
    const admission = await tryAdmit(limiting, rules)
    if (admission === null) refusedAt = request
    else admission.settle(0)
  }
  t.is(refusedAt, 50)
  await t.throwsAsync(async () => limiting.admit([ruleOf({ subject: 'key:small', requestsPerMinute: 1 })], 0), { code: 'unavailable' })
  gate.open()
  await sleep(1_300)
  const { rows } = await pool.query<{ granted: number }>("SELECT granted FROM rate_window WHERE subject = 'key:key_1#requests' ORDER BY minute DESC LIMIT 1")
  t.is(rows[0]!.granted, 50)
  t.truthy(await tryAdmit(limiting, rules))
  t.truthy(other)
})
