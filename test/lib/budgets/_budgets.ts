import type { ExecutionContext } from 'ava'
import type pg from 'pg'
import { createBudgets } from '../../../lib/budgets/budgets.ts'
import { chargeBudgets } from '../../../lib/budgets/charge.ts'
import type { BudgetRule, Budgets } from '../../../lib/contracts/allowance.ts'
import { newId } from '../../../lib/ids.ts'
import { createPool, inTransaction } from '../../../lib/store/database.ts'
import { cloneDatabase } from '../../support/database.ts'
import { silentLog } from '../../support/pool.ts'
import { registerWorker } from '../providers/_worker.ts'

export interface BudgetProcess {
  readonly id: string
  readonly pool: pg.Pool
  readonly budgets: Budgets
  /** What the usage writer does: puts a cost into the books. */
  readonly charge: (cost: bigint, createdAt?: Date) => Promise<void>
  readonly die: () => Promise<void>
}

export const owner = { organizationId: 'org_1', projectId: 'proj_1', keyId: 'key_1' }

/** A database of the test's own with live processes, each with budgets on a pool of its own. */
export async function startProcesses (t: ExecutionContext, count: number): Promise<{ pool: pg.Pool, url: string, processes: BudgetProcess[] }> {
  const database = await cloneDatabase()
  const pool = createPool(database.url, silentLog)
  const processes = await Promise.all(Array.from({ length: count }, async (_, index): Promise<BudgetProcess> => {
    const id = `worker_${index + 1}`
    const session = await registerWorker(database.url, id)
    const own = createPool(database.url, silentLog)
    const budgets = createBudgets({ pool: own, processId: id, log: silentLog })
    t.teardown(async () => {
      await budgets.close()
      await session.die()
      await own.end()
    })
    return {
      id,
      pool: own,
      budgets,
      die: session.die,
      charge: async (cost, createdAt = new Date()) => { await inTransaction(own, async client => { await chargeBudgets(client, id, [{ ...owner, createdAt, cost }]) }) }
    }
  }))
  t.teardown(async () => {
    await pool.end()
    await database.drop()
  })
  return { pool, url: database.url, processes }
}

export async function addBudget (pool: pg.Pool, budget: Partial<BudgetRule> & { amount: bigint, thresholds?: number[], subject?: string }): Promise<BudgetRule> {
  const rule: BudgetRule = { id: newId('budget'), kind: budget.kind ?? 'organization', period: budget.period ?? 'month', amount: budget.amount, hard: budget.hard ?? true }
  await pool.query(
    'INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount, hard, thresholds) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
    [rule.id, owner.organizationId, rule.kind, budget.subject ?? { organization: owner.organizationId, project: owner.projectId, key: owner.keyId }[rule.kind],
      rule.period, rule.amount.toString(), rule.hard, budget.thresholds ?? []])
  return rule
}

export async function spentOf (pool: pg.Pool, rule: BudgetRule): Promise<bigint> {
  const { rows } = await pool.query<{ spent: string }>('SELECT coalesce(sum(spent), 0) AS spent FROM budget_period WHERE budget_id = $1', [rule.id])
  return BigInt(rows[0]!.spent)
}

export async function leasesOf (pool: pg.Pool, rule: BudgetRule): Promise<Record<string, bigint>> {
  const { rows } = await pool.query<{ process_id: string, outstanding: string }>('SELECT process_id, outstanding FROM budget_lease WHERE budget_id = $1', [rule.id])
  return Object.fromEntries(rows.map(row => [row.process_id, BigInt(row.outstanding)]))
}
