import test from 'ava'
import { createRowBudgets } from '../../activities/batch/row-budgets.ts'
import type { BudgetRule, Budgets } from '../../lib/contracts/allowance.ts'
import { SiraError } from '../../lib/errors.ts'

const owner = { organizationId: 'org_1', projectId: 'proj_1', apiKeyId: 'key_1' }
const rule: BudgetRule = { id: 'bud_1', kind: 'key', period: 'day', amount: 100n, hard: true }
const unaborted = new AbortController().signal

/** A budget in memory that refuses at once what does not fit. */
function budgetOf (amount: bigint, failures: SiraError[] = []): Budgets & { left: () => bigint } {
  let left = amount
  return {
    left: () => left,
    async reserve (_rules, wanted) {
      const failure = failures.shift()
      if (failure !== undefined) throw failure
      if (wanted > left) throw new SiraError('budget_exceeded', { kind: 'key', period: 'day', amount: '1' })
      left -= wanted
      return { settle (spent) { left += wanted - (spent ?? 0n) } }
    },
    async close () {}
  }
}

test('a row that does not fit waits for those in flight, and ends the batch only when none is', async t => {
  const budgets = budgetOf(100n)
  const rows = createRowBudgets({ budgets, budgetsOf: () => [rule] })
  const first = (await rows.reserve(owner, 80n, unaborted))!
  let verdict: unknown = 'waiting'
  const second = rows.reserve(owner, 80n, unaborted).then(reservation => { verdict = reservation; return reservation })
  await new Promise(resolve => setImmediate(resolve))
  t.is(verdict, 'waiting')
  first.settle(20n)
  const reservation = await second
  t.truthy(reservation)
  reservation!.settle(80n)
  t.is(await rows.reserve(owner, 1n, unaborted), null)
  t.is(budgets.left(), 0n)
})

test('a row waits while requests elsewhere have reserved what is left, and does not end the batch', async t => {
  const elsewhere = (): SiraError => new SiraError('budget_reserved', { kind: 'key', period: 'day' })
  const rows = createRowBudgets({ budgets: budgetOf(100n, [elsewhere(), elsewhere()]), budgetsOf: () => [rule] })
  t.truthy(await rows.reserve(owner, 80n, unaborted))
})

test('rows wait while Postgres is away, until the batch is stopped', async t => {
  const away = (): SiraError => new SiraError('unavailable', { dependency: 'Postgres' })
  const rows = createRowBudgets({ budgets: budgetOf(100n, [away()]), budgetsOf: () => [rule] })
  t.truthy(await rows.reserve(owner, 80n, unaborted))
  const stopped = new AbortController()
  const waiting = createRowBudgets({ budgets: budgetOf(100n, [away(), away()]), budgetsOf: () => [rule] }).reserve(owner, 1n, stopped.signal)
  stopped.abort()
  t.is(await waiting, null)
})

test('a row tells the moment whose periods its money was reserved from', async t => {
  const moments: unknown[] = []
  const budgets = { ...budgetOf(100n), async reserve (...[, , , moment]: Parameters<Budgets['reserve']>) { moments.push(moment); return { settle () {} } } }
  const reservation = (await createRowBudgets({ budgets, budgetsOf: () => [rule] }).reserve(owner, 1n, unaborted))!
  t.deepEqual(moments, [reservation.moment])
  t.true(reservation.moment > 0)
})

test('rows of a key without budgets reserve nothing', async t => {
  const budgets = budgetOf(0n)
  const rows = createRowBudgets({ budgets, budgetsOf: ({ keyId }) => keyId === 'key_1' ? [] : [rule] })
  t.truthy(await rows.reserve(owner, 80n, unaborted))
  t.is(await rows.reserve({ ...owner, apiKeyId: 'key_2' }, 80n, unaborted), null)
})
