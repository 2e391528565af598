import { newId } from '../ids.ts'
import { type Page, type PageQuery, type Reach, readPage, readRow } from './admin-rows.ts'
import type { Queryable } from './database.ts'

export interface LimitRow {
  readonly id: string, readonly organization_id: string | null, readonly kind: string, readonly subject_id: string
  readonly requests_per_minute: number | null, readonly tokens_per_minute: number | null, readonly concurrency: number | null
  readonly created_at: Date, readonly managed_by: string
}
export interface BudgetRow {
  readonly id: string, readonly organization_id: string, readonly kind: string, readonly subject_id: string, readonly period: string
  /** pico-USD as text, `spent` of the period that now lies in. */
  readonly amount: string, readonly spent: string
  readonly hard: boolean, readonly thresholds: number[], readonly period_start: Date | null, readonly period_end: Date | null
  readonly created_at: Date, readonly managed_by: string
}
/** Whom a limit or budget is for. organizationId null = a model over all organizations. */
export interface Subject { readonly organizationId: string | null, readonly kind: string, readonly id: string }

const selectLimit = 'SELECT id, organization_id, subject_kind AS kind, subject_id, requests_per_minute, tokens_per_minute, concurrency, created_at, managed_by FROM usage_limit'
const selectBudget = `SELECT budget.id, organization_id, subject_kind AS kind, subject_id, period, amount, coalesce(spent, 0) AS spent, hard, thresholds, created_at, managed_by,
    CASE WHEN period = 'total' THEN NULL ELSE begun END AS period_start,
    CASE WHEN period = 'total' THEN NULL ELSE (begun AT TIME ZONE 'UTC' + ('1 ' || period)::interval) AT TIME ZONE 'UTC' END AS period_end
  FROM (SELECT *, budget_period_start(period, now()) AS begun FROM budget) AS budget
    LEFT JOIN budget_period ON budget_id = budget.id AND budget_period.period_start = begun`
const reached = '($1::text IS NULL OR organization_id = $1)'

/** The organization that a subject belongs to; undefined when the reach has no such subject. */
export async function organizationOfSubject (database: Queryable, reach: Reach, kind: 'organization' | 'project' | 'key', id: string): Promise<string | undefined> {
  const queries = {
    organization: 'SELECT id AS organization FROM organization WHERE id = $2 AND ($1::text IS NULL OR id = $1)',
    project: `SELECT organization_id AS organization FROM project WHERE id = $2 AND ${reached}`,
    key: `SELECT organization_id AS organization FROM api_key WHERE id = $2 AND ${reached}`
  }
  return (await readRow<{ organization: string }>(database, queries[kind], [reach.organizationId, id]))?.organization
}

export async function listLimits (database: Queryable, reach: Reach, page: PageQuery): Promise<Page<LimitRow>> {
  return await readPage(database, `${selectLimit} WHERE ${reached}`, [reach.organizationId], 'id', page)
}

export async function readLimit (database: Queryable, reach: Reach, id: string): Promise<LimitRow | null> {
  return await readRow(database, `${selectLimit} WHERE ${reached} AND id = $2`, [reach.organizationId, id])
}

/** null when the subject has a limit already. */
export async function insertLimit (database: Queryable, subject: Subject, numbers: { requests_per_minute: number | null, tokens_per_minute: number | null, concurrency: number | null }): Promise<string | null> {
  const row = await readRow<{ id: string }>(database,
    `INSERT INTO usage_limit (id, organization_id, subject_kind, subject_id, requests_per_minute, tokens_per_minute, concurrency) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT DO NOTHING RETURNING id`,
    [newId('limit'), subject.organizationId, subject.kind, subject.id, numbers.requests_per_minute, numbers.tokens_per_minute, numbers.concurrency])
  return row?.id ?? null
}

export async function listBudgets (database: Queryable, reach: Reach, page: PageQuery): Promise<Page<BudgetRow>> {
  return await readPage(database, `${selectBudget} WHERE ${reached}`, [reach.organizationId], 'budget.id', page)
}

export async function readBudget (database: Queryable, reach: Reach, id: string): Promise<BudgetRow | null> {
  return await readRow(database, `${selectBudget} WHERE ${reached} AND budget.id = $2`, [reach.organizationId, id])
}

/** All budgets that a caller spends from. */
export async function readBudgetsOf (database: Queryable, caller: { organizationId: string, projectId: string, keyId: string }): Promise<BudgetRow[]> {
  const { rows } = await database.query<BudgetRow>(
    `${selectBudget} WHERE organization_id = $1 AND (subject_kind, subject_id) IN (('organization', $1), ('project', $2), ('key', $3)) ORDER BY budget.id`,
    [caller.organizationId, caller.projectId, caller.keyId])
  return rows
}

export async function insertBudget (database: Queryable, subject: Subject, budget: { period: string, amount: bigint, hard: boolean, thresholds: readonly number[] }): Promise<string> {
  const id = newId('budget')
  await database.query('INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount, hard, thresholds) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)',
    [id, subject.organizationId, subject.kind, subject.id, budget.period, budget.amount.toString(), budget.hard, budget.thresholds])
  return id
}

/** All limits of a caller, of whatever model. */
export async function listLimitsOf (database: Queryable, caller: { organizationId: string, projectId: string, keyId: string }): Promise<LimitRow[]> {
  const { rows } = await database.query<LimitRow>(
    `${selectLimit} WHERE (organization_id = $1 AND ((subject_kind, subject_id) IN (('organization', $1), ('project', $2), ('key', $3)) OR subject_kind = 'model'))
       OR (organization_id IS NULL AND subject_kind = 'model') ORDER BY id LIMIT 200`,
    [caller.organizationId, caller.projectId, caller.keyId])
  return rows
}
