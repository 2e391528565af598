import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { createBudgets } from '../../../lib/budgets/budgets.ts'
import { createPool } from '../../../lib/store/database.ts'
import { silentLog } from '../../support/pool.ts'
import { openGate } from '../../support/tcp-gate.ts'
import { addBudget, leasesOf, startProcesses } from './_budgets.ts'

test('while Postgres is away money is spent to the end of the lease and not beyond it', async t => {
  const { pool, url } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 8_000n })
  const gate = await openGate(t, url)
  const own = createPool(gate.url, silentLog)
  const budgets = createBudgets({ pool: own, processId: 'worker_1', log: silentLog })
  t.teardown(async () => {
    await budgets.close()
    await own.end()
  })
  ;(await budgets.reserve([rule], 10n)).settle(10n)
  const leased = (await leasesOf(pool, rule)).worker_1! - 10n
  t.true(leased > 500n)
  gate.close()
  let spent = 0n
  const start = performance.now()
  await t.throwsAsync(async () => {
    for (;;) {
      ;(await budgets.reserve([rule], 50n)).settle(50n)
      spent += 50n
    }
  }, { code: 'unavailable', message: /Postgres/ })
  t.true(spent <= leased && spent > leased - 50n, `${spent} of ${leased}`)
  t.true(performance.now() - start < 1_000, 'refused at once')
  gate.open()
  await sleep(700)
  ;(await budgets.reserve([rule], 50n)).settle(50n)
})
