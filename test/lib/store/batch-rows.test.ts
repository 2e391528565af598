import test from 'ava'
import { budgetPeriodStart } from '../../../lib/domain/budget-period.ts'
import type { RowResult } from '../../../lib/store/batch-rows.ts'
import { readFinishedLines, saveResults, saveUnfinished } from '../../../lib/store/batch-rows.ts'
import { readBatchById } from '../../../lib/store/batches.ts'
import { transitionJob } from '../../../lib/store/jobs.ts'
import { insertTestBatch } from '../../support/batch.ts'
import { openTestPool } from '../../support/pool.ts'
import { createTestTenant } from '../../support/tenant.ts'

function ok (line: number, cost: bigint | null = 7n, moment = Date.now()): RowResult {
  return {
    line,
    customId: `row "${line}" \\ é`,
    state: 'ok',
    statusCode: 200,
    requestId: `req-${line}`,
    attempts: 1,
    errorCode: null,
    errorMessage: null,
    body: JSON.stringify({ line, text: 'quote " backslash \\ comma , brace } NULL' }),
    settlement: { provider: 'p', model: 'm', usage: { inputTokens: 10, cachedInputTokens: 4, outputTokens: 3, reasoningTokens: 1 }, cost, moment }
  }
}

function bad (line: number): RowResult {
  return { ...ok(line), state: 'error', statusCode: 400, errorCode: 'invalid_request', errorMessage: 'no', body: null, settlement: null }
}

async function running (t: Parameters<typeof openTestPool>[0]) {
  const { pool } = await openTestPool(t)
  const { caller } = await createTestTenant(pool)
  const batch = await insertTestBatch(pool, caller)
  await transitionJob(pool, { id: batch.id, to: 'running' })
  return { pool, id: batch.id }
}

test('results, settlements and counters are saved together', async t => {
  const { pool, id } = await running(t)
  const outcome = await saveResults(pool, id, [ok(1), ok(2, null), bad(3)])
  t.like(outcome, { state: 'running', cancelRequested: false, cost: 7n })
  const batch = (await readBatchById(pool, id))!
  t.deepEqual(batch.counts, { total: null, succeeded: 2, failed: 1 })
  t.deepEqual(batch.usage, { inputTokens: 20, cachedInputTokens: 8, outputTokens: 6, reasoningTokens: 2 })
  t.is(batch.cost, 7n)
  t.is(batch.unpriced, 1)
  const { rows } = await pool.query<{ count: number, cost: string }>('SELECT count(*)::int AS count, sum(cost) AS cost FROM ledger WHERE resource_id = $1', [id])
  t.deepEqual(rows[0], { count: 2, cost: '7' })
})

test('a line that is saved twice counts and settles once, and the first result stays', async t => {
  const { pool, id } = await running(t)
  await saveResults(pool, id, [ok(1), ok(2)])
  await saveResults(pool, id, [bad(2), ok(3)])
  await Promise.all(Array.from({ length: 8 }, async (_, index) => await saveResults(pool, id, [ok(3), ok(4), ok(5 + index)])))
  const batch = (await readBatchById(pool, id))!
  t.deepEqual(batch.counts, { total: null, succeeded: 12, failed: 0 })
  t.is(batch.cost, 12n * 7n)
  const { rows } = await pool.query<{ count: number }>('SELECT count(*)::int AS count FROM ledger WHERE resource_id = $1', [id])
  t.is(rows[0]!.count, 12)
})

test('a finalising batch refuses results that come late', async t => {
  const { pool, id } = await running(t)
  await saveResults(pool, id, [ok(1)])
  await transitionJob(pool, { id, to: 'finalizing' })
  t.is(await saveResults(pool, id, [ok(2)]), null)
  await saveUnfinished(pool, id, [{ line: 1, customId: 'a' }, { line: 2, customId: 'b' }], { state: 'cancelled', code: 'batch_cancelled', message: 'x' })
  const batch = (await readBatchById(pool, id))!
  t.deepEqual(batch.counts, { total: null, succeeded: 1, failed: 1 })
  t.deepEqual(await readFinishedLines(pool, id, 1, 10), new Set([1, 2]))
})

test('results are charged to budgets in the same statement, once for each line', async t => {
  const { pool, id } = await running(t)
  const { organizationId, projectId, apiKeyId } = (await readBatchById(pool, id))!
  const subjects = [['organization', organizationId], ['project', projectId], ['key', apiKeyId], ['key', 'key_other']]
  for (const [index, [kind, subject]] of subjects.entries()) {
    await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount) VALUES ($1, $2, $3, $4, 'total', 20)", [`bud_${index}`, organizationId, kind, subject])
  }
  await pool.query("INSERT INTO budget_lease (budget_id, period_start, process_id, outstanding) VALUES ('bud_2', '1970-01-01Z', 'worker_1', 100)")
  await saveResults(pool, id, [ok(1), ok(2, null), bad(3)], 'worker_1')
  await Promise.all(Array.from({ length: 6 }, async () => await saveResults(pool, id, [ok(1), ok(4)], 'worker_1')))
  const { rows } = await pool.query('SELECT budget_id, spent FROM budget_period ORDER BY budget_id')
  t.deepEqual(rows, ['bud_0', 'bud_1', 'bud_2'].map(budget => ({ budget_id: budget, spent: '14' })))
  t.is((await pool.query<{ outstanding: string }>('SELECT outstanding FROM budget_lease')).rows[0]!.outstanding, '86')
  const { rows: events } = await pool.query("SELECT data->'threshold' AS threshold FROM event WHERE resource_id = 'bud_2'")
  t.deepEqual(events, [{ threshold: 50 }])
})

test('a result is charged to the period in which its money was reserved, also when it is saved in the next', async t => {
  const { pool, id } = await running(t)
  const { organizationId } = (await readBatchById(pool, id))!
  await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount) VALUES ('bud_day', $1, 'organization', $1, 'day', 100)", [organizationId])
  const today = budgetPeriodStart('day', Date.now())
  for (const start of [today - 86_400_000, today]) {
    await pool.query("INSERT INTO budget_lease (budget_id, period_start, process_id, outstanding) VALUES ('bud_day', $1, 'worker_1', 50)", [new Date(start)])
  }
  await saveResults(pool, id, [ok(1, 7n, today - 1), ok(2, 7n, today), ok(3, 7n, today - 1), ok(4, null, today - 1), bad(5)], 'worker_1')
  const { rows } = await pool.query<{ spent: string, outstanding: string }>('SELECT spent, outstanding FROM budget_period JOIN budget_lease USING (budget_id, period_start) ORDER BY period_start')
  t.deepEqual(rows, [{ spent: '14', outstanding: '36' }, { spent: '7', outstanding: '43' }])
})
