import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { BudgetRule, Reservation } from '../../../lib/contracts/allowance.ts'
import { budgetPeriodStart } from '../../../lib/domain/budget-period.ts'
import { SiraError } from '../../../lib/errors.ts'
import { seeded } from '../_seeded.ts'
import { addBudget, leasesOf, spentOf, startProcesses, type BudgetProcess } from './_budgets.ts'

const reserved = { instanceOf: SiraError, code: 'budget_reserved' }
const refused = { instanceOf: SiraError, code: 'budget_exceeded' }

/** Reserves as a client does that repeats what it is told to repeat, some seconds each time. */
async function insist ({ budgets }: BudgetProcess, rule: BudgetRule, amount: bigint): Promise<Reservation> {
  for (let tries = 1; ; tries++) {
    try {
      return await budgets.reserve([rule], amount)
    } catch (error) {
      if (tries === 4 || (error as SiraError).code !== 'budget_reserved') throw error
    }
  }
}

test('two processes under load spend a budget to its end and over it by no more than a request each', async t => {
  const { pool, processes } = await startProcesses(t, 2)
  const rule = await addBudget(pool, { amount: 20_000n })
  const random = seeded(5)
  let spent = 0n
  let refusals = 0
  const reserve = 100n
  await Promise.all(processes.flatMap(({ budgets, charge }) => Array.from({ length: 12 }, async () => {
    for (let refusedHere = 0; refusedHere < 1;) {
      let reservation: Reservation
      try {
        reservation = await budgets.reserve([rule], reserve)
      } catch (error) {
        // to be repeated: the others' requests in flight held all the rest for seconds, on a very busy machine
        if ((error as SiraError).code === 'budget_reserved') continue
        t.like(error, { code: 'budget_exceeded' })
        refusedHere += 1
        refusals += 1
        continue
      }
      await sleep(random() * 4)
      const cost = BigInt(Math.floor(random() * 100)) + 1n
      spent += cost
      reservation.settle(cost)
      await charge(cost)
    }
  })))
  t.is(await spentOf(pool, rule), spent)
  t.is(refusals, 24)
  t.true(spent <= 20_000n + 2n * reserve, `${spent}`)
  t.true(spent >= 20_000n, `${spent} of 20000: refused while money was left`)
})

test('most requests find their money here, without waiting', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 10n ** 15n })
  let waited = 0
  for (let request = 0; request < 2_000; request++) {
    const reservation = one!.budgets.reserve([rule], 10n ** 9n)
    if (reservation instanceof Promise) waited += 1
    ;(await reservation).settle(10n ** 9n)
    if (request % 50 === 0) await sleep(2)
  }
  t.true(waited <= 2, `${waited} requests waited`)
})

// it cannot go over either, having nothing of its own: only what the other gives back can serve it
test('the last money is usable from either process, also while the one that holds it is in use', async t => {
  const { pool, processes: [one, two] } = await startProcesses(t, 2)
  const rule = await addBudget(pool, { amount: 1_000n })
  const first = await one!.budgets.reserve([rule], 1_000n)
  first.settle(10n)
  await one!.charge(10n)
  t.is((await leasesOf(pool, rule)).worker_1, 990n, 'the first holds all there is')
  let served = false
  const second = insist(two!, rule, 10n).finally(() => { served = true })
  // eslint-disable-next-line no-unmodified-loop-condition -- the other process is served
  while (!served) {
    const reservation = one!.budgets.reserve([rule], 1n)
    ;(await reservation).settle(null)
    await sleep(50)
  }
  ;(await second).settle(10n)
  await two!.charge(10n)
  ;(await insist(two!, rule, 980n)).settle(980n)
  await two!.charge(980n)
  await t.throwsAsync(async () => one!.budgets.reserve([rule], 1n), refused)
})

test('a request larger than what is left goes over, one at a time, and nothing is left then', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 100n })
  const first = await one!.budgets.reserve([rule], 500n)
  const second = Promise.resolve(one!.budgets.reserve([rule], 500n))
  const third = Promise.resolve(one!.budgets.reserve([rule], 60n))
  await sleep(50)
  // it cost less than was feared: one of those who wait may go, the other finds enough left too
  first.settle(30n)
  const verdicts = await Promise.allSettled([second, third])
  t.is(verdicts.filter(verdict => verdict.status === 'fulfilled').length >= 1, true)
  for (const verdict of verdicts) if (verdict.status === 'fulfilled') verdict.value.settle(70n)
  await t.throwsAsync(async () => one!.budgets.reserve([rule], 1n), { ...refused, message: /month budget of the organization.*0\.0000000001 USD/ })
})

test('a wait for a reservation to settle is bounded', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 100n })
  await one!.budgets.reserve([rule], 100n)
  const start = performance.now()
  const error = await t.throwsAsync<SiraError>(async () => one!.budgets.reserve([rule], 1n), reserved)
  t.true(error.retryable, 'what is reserved may come back')
  const waited = performance.now() - start
  t.true(waited > 4_900 && waited < 20_000, `${waited} ms`)
})

test('a wait ends when the client goes away', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 100n })
  await one!.budgets.reserve([rule], 100n)
  const gone = new AbortController()
  setTimeout(() => { gone.abort(new Error('gone')) }, 50)
  await t.throwsAsync(async () => one!.budgets.reserve([rule], 1n, gone.signal), { message: 'gone' })
})

test('a request of several budgets holds money of all of them or of none', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const wide = await addBudget(pool, { amount: 1_000n })
  const narrow = await addBudget(pool, { kind: 'key', amount: 0n })
  await t.throwsAsync(async () => one!.budgets.reserve([wide, narrow], 600n), { ...refused, message: /budget of the key/ })
  const reservation = await one!.budgets.reserve([wide], 1_000n)
  reservation.settle(null)
  t.truthy(await one!.budgets.reserve([wide], 1_000n))
})

test('over the turn of a period requests in flight take nothing of the new one, whichever of its requests come first', async t => {
  const { pool, processes: [one, two] } = await startProcesses(t, 2)
  const rule = await addBudget(pool, { period: 'day', amount: 100n })
  const now = Date.now()
  const before = budgetPeriodStart('day', now) - 1
  const early = await one!.budgets.reserve([rule], 60n, undefined, before)
  const today = await one!.budgets.reserve([rule], 40n, undefined, now)
  // came before the turn, and reserves after it
  const late = await one!.budgets.reserve([rule], 40n, undefined, before)
  for (const [reservation, cost, moment] of [[early, 60n, before], [late, 40n, before], [today, 40n, now]] as const) {
    reservation.settle(cost)
    await one!.charge(cost, new Date(moment))
  }
  const rest = await insist(two!, rule, 60n)
  await t.throwsAsync(async () => await insist(two!, rule, 1n), reserved)
  rest.settle(60n)
  await two!.charge(60n)
  await t.throwsAsync(async () => await insist(two!, rule, 1n), refused)
  await t.throwsAsync(async () => one!.budgets.reserve([rule], 1n, undefined, before), refused)
  const { rows } = await pool.query<{ spent: string }>('SELECT spent FROM budget_period WHERE budget_id = $1 ORDER BY period_start', [rule.id])
  t.deepEqual(rows.map(row => row.spent), ['100', '100'])
})

test('a soft budget never refuses and holds nothing', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 1n, hard: false })
  const reservation = one!.budgets.reserve([rule], 500n)
  t.false(reservation instanceof Promise)
  ;(await reservation).settle(500n)
  t.deepEqual(await leasesOf(pool, rule), {})
})

test('a raised amount is usable at once, and a lowered one binds at once', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 100n })
  ;(await one!.budgets.reserve([rule], 100n)).settle(100n)
  await t.throwsAsync(async () => one!.budgets.reserve([rule], 10n), refused)
  const raised = { ...rule, amount: 2_000n }
  ;(await one!.budgets.reserve([raised], 10n)).settle(10n)
  await t.throwsAsync(async () => one!.budgets.reserve([{ ...rule, amount: 110n }], 10n), refused)
})

test('what a dead process held is lent again once its death is certain', async t => {
  const { pool, processes: [one, two] } = await startProcesses(t, 2)
  const rule = await addBudget(pool, { amount: 1_000n })
  await one!.budgets.reserve([rule], 1_000n)
  await one!.die()
  await t.throwsAsync(async () => two!.budgets.reserve([rule], 100n), reserved, 'silent for less than 10 s: its journal may still come')
  await pool.query("UPDATE worker SET seen_at = now() - interval '11 seconds' WHERE id = 'worker_1'")
  await pool.query("UPDATE budget_lease SET updated_at = now() - interval '11 seconds' WHERE process_id = 'worker_1'")
  await sleep(250)
  const start = performance.now()
  let taken: Reservation | undefined
  // Postgres must have sessions of some age: a restart frees the locks of the living
  while (taken === undefined && performance.now() - start < 15_000) {
    taken = await Promise.resolve(two!.budgets.reserve([rule], 100n)).catch((error: unknown) => { t.like(error, { code: 'budget_reserved' }); return undefined })
    if (taken === undefined) await sleep(200)
  }
  t.truthy(taken)
  t.is((await leasesOf(pool, rule)).worker_1, undefined)
})

test('an idle lease goes back, and what costs more than was reserved is owed, not lent twice', async t => {
  const { pool, processes: [one, two] } = await startProcesses(t, 2)
  const rule = await addBudget(pool, { amount: 1_000n })
  // in the books before the lease could be raised
  const reservation = await one!.budgets.reserve([rule], 10n)
  await one!.charge(800n)
  reservation.settle(800n)
  await sleep(100)
  ;(await two!.budgets.reserve([rule], 200n)).settle(200n)
  await two!.charge(200n)
  await t.throwsAsync(async () => two!.budgets.reserve([rule], 1n), refused)
  await t.throwsAsync(async () => one!.budgets.reserve([rule], 1n), refused)
  t.is(await spentOf(pool, rule), 1_000n)
  t.deepEqual(await leasesOf(pool, rule), { worker_1: 0n, worker_2: 0n })
})

test('a request that a large reservation leaves no room for waits for it to settle, and is not refused while money is left', async t => {
  const { pool, processes: [one, two] } = await startProcesses(t, 2)
  const rule = await addBudget(pool, { amount: 1_000n })
  // no max_tokens: it reserves more than there is, and will cost next to nothing
  const first = await one!.budgets.reserve([rule], 5_000n)
  let ended = 0
  const waiting = [one!, two!].map(async process => {
    const reservation = await insist(process, rule, 5_000n)
    ended += 1
    // at once, so that the other has its turn
    reservation.settle(10n)
    await process.charge(10n)
  })
  await sleep(2_500)
  t.is(ended, 0, 'longer than what is called in takes')
  first.settle(10n)
  await one!.charge(10n)
  await Promise.all(waiting)
  t.is(await spentOf(pool, rule), 30n)
})

test('while Postgres takes long to answer, a request waits for it and is not told that it is away', async t => {
  const { pool, processes: [one] } = await startProcesses(t, 1)
  const rule = await addBudget(pool, { amount: 1_000n })
  await pool.query('INSERT INTO budget_period (budget_id, period_start) SELECT id, budget_period_start(period, now()) FROM budget WHERE id = $1', [rule.id])
  const holder = await pool.connect()
  try {
    await holder.query('BEGIN')
    await holder.query('SELECT 1 FROM budget_period WHERE budget_id = $1 FOR UPDATE', [rule.id])
    const waiting = one!.budgets.reserve([rule], 10n)
    await sleep(2_500)
    await holder.query('COMMIT')
    ;(await waiting).settle(10n)
    t.pass()
  } finally {
    holder.release()
  }
})
