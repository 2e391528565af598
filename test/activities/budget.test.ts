import test from 'ava'
import { createBudget } from '../../activities/batch/budget.ts'

test('a budget lends no more than is left, and waits for calls in flight to give back', async t => {
  const budget = createBudget(100n, 0n)
  const first = (await budget.reserve(60n))!
  const second = budget.reserve(60n)
  let waiting = true
  void second.then(() => { waiting = false })
  await new Promise(resolve => setImmediate(resolve))
  t.true(waiting)
  first(10n)
  t.not(await second, null)
})

test('a budget refuses when nothing in flight could give back enough', async t => {
  const budget = createBudget(100n, 95n)
  t.is(await budget.reserve(6n), null)
  const last = await budget.reserve(5n)
  last!(5n)
  t.is(await budget.reserve(1n), null)
})

test('what other processes settled counts against the budget', async t => {
  const budget = createBudget(100n, 0n)
  budget.settled(90n)
  t.is(await budget.reserve(11n), null)
  t.not(await budget.reserve(10n), null)
})

test('many callers never take more than the budget together', async t => {
  const budget = createBudget(1_000n, 0n)
  let spent = 0n
  let refused = 0
  await Promise.all(Array.from({ length: 500 }, async (_, index) => {
    const cost = BigInt(index % 7)
    const release = await budget.reserve(10n)
    if (release === null) {
      refused += 1
      return
    }
    await new Promise(resolve => setImmediate(resolve))
    spent += cost
    release(cost)
  }))
  t.true(spent <= 1_000n, `${spent}`)
  t.true(spent > 980n, 'nearly all of it was used')
  t.true(refused > 0)
})
