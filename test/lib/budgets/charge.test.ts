import test from 'ava'
import { chargeBudgets } from '../../../lib/budgets/charge.ts'
import { inTransaction } from '../../../lib/store/database.ts'
import { checkedEvents } from '../../support/feed-events.ts'
import { openTestPool } from '../../support/pool.ts'
import { addBudget, owner, spentOf } from './_budgets.ts'

test('a charge reaches every budget it falls under, and no other', async t => {
  const { pool } = await openTestPool(t)
  const mine = [
    await addBudget(pool, { amount: 100n }), await addBudget(pool, { kind: 'project', amount: 100n, hard: false }), await addBudget(pool, { kind: 'key', period: 'total', amount: 100n })
  ]
  const others = [await addBudget(pool, { kind: 'key', amount: 100n, subject: 'key_2' }), await addBudget(pool, { kind: 'project', amount: 100n, subject: 'proj_2' })]
  const createdAt = new Date()
  await chargeBudgets(pool, 'worker_1', [
    { ...owner, createdAt, cost: 7n }, { ...owner, createdAt, cost: 0n }, { ...owner, keyId: 'key_3', createdAt, cost: 5n }, { ...owner, organizationId: 'org_2', createdAt, cost: 100n }
  ])
  t.deepEqual(await Promise.all(mine.map(async rule => await spentOf(pool, rule))), [12n, 12n, 7n])
  t.deepEqual(await Promise.all(others.map(async rule => await spentOf(pool, rule))), [0n, 0n])
})

test('a charge belongs to the UTC period in which the request came', async t => {
  const { pool } = await openTestPool(t)
  const periods = ['day', 'week', 'month', 'total'] as const
  const rules = await Promise.all(periods.map(async period => await addBudget(pool, { period, amount: 100n })))
  // a Sunday's last millisecond and the Monday behind it, over the end of a month
  for (const moment of ['2026-05-31T23:59:59.999Z', '2026-06-01T00:00:00.000Z']) {
    await chargeBudgets(pool, 'worker_1', [{ ...owner, createdAt: new Date(moment), cost: 1n }])
  }
  const starts = await Promise.all(rules.map(async rule => {
    const { rows } = await pool.query<{ period_start: Date, spent: string }>('SELECT period_start, spent FROM budget_period WHERE budget_id = $1 ORDER BY 1', [rule.id])
    return rows.map(row => `${row.period_start.toISOString().slice(0, 10)}: ${row.spent}`)
  }))
  t.deepEqual(starts, [
    ['2026-05-31: 1', '2026-06-01: 1'], ['2026-05-25: 1', '2026-06-01: 1'], ['2026-05-01: 1', '2026-06-01: 1'], ['1970-01-01: 2']
  ])
})

test('each threshold makes one event, whoever crosses it, and a rollback takes it back', async t => {
  const { pool } = await openTestPool(t)
  const rule = await addBudget(pool, { amount: 1_000n, thresholds: [50, 80, 100] })
  const weekly = await addBudget(pool, { kind: 'key', period: 'week', amount: 500n, thresholds: [50] })
  const createdAt = new Date()
  await t.throwsAsync(inTransaction(pool, async client => {
    await chargeBudgets(client, 'worker_1', [{ ...owner, createdAt, cost: 900n }])
    throw new Error('the usage could not be inserted')
  }))
  // several writers at once, with charges of two months, in opposite orders
  const before = new Date(createdAt.getTime() - 40 * 86_400_000)
  await Promise.all(Array.from({ length: 60 }, async (_, index) => {
    const charges = [{ ...owner, createdAt, cost: 10n }, { ...owner, createdAt: before, cost: 20n }]
    await inTransaction(pool, async client => { await chargeBudgets(client, `worker_${index % 2}`, index % 2 === 0 ? charges : charges.reverse()) })
  }))
  t.is(await spentOf(pool, rule), 1_800n)
  const { rows } = await pool.query<{ id: string, organization_id: string, seq: number, type: string, data: Record<string, unknown> }>('SELECT * FROM event WHERE resource_id = $1 ORDER BY seq', [rule.id])
  t.deepEqual(rows.map(row => row.seq), [1, 2, 3, 4])
  const start = createdAt.toISOString().slice(0, 7)
  t.deepEqual(rows.filter(row => String(row.data.period_start).startsWith(start)).map(row => [row.data.threshold, row.data.spent]), [[50, '500']])
  t.deepEqual(rows.filter(row => !String(row.data.period_start).startsWith(start)).map(row => [row.data.threshold, row.data.spent]), [[50, '500'], [80, '800'], [100, '1000']])
  t.like(rows[0], { organization_id: 'org_1', type: 'budget.threshold_reached', data: { budget: rule.id, amount: '1000' } })
  t.regex(rows[0]!.id, /^evt_[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
  t.is((await checkedEvents(t, pool, [rule.id])).length, 4)
  t.is((await checkedEvents(t, pool, [weekly.id])).length, 2)
})
