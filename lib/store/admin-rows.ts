import type pg from 'pg'
import type { Caller } from '../contracts/jobs.ts'
import { hasScope } from '../contracts/scopes.ts'
import { SiraError } from '../errors.ts'
import type { Queryable } from './database.ts'

/** What an administrator may reach: one organization; null = all of them. It is part of every query below. */
export interface Reach { readonly organizationId: string | null }

export function reachOf (caller: Pick<Caller, 'organizationId' | 'scopes'>): Reach {
  return { organizationId: hasScope(caller.scopes, 'admin') ? null : caller.organizationId }
}

export interface PageQuery { readonly after?: string, readonly limit: number }
export interface Page<Row> { readonly data: Row[], readonly hasMore: boolean }

/** Rows of a query that ends in its conditions, newest (highest `key`) first, behind `after`. */
export async function readPage<Row extends pg.QueryResultRow> (database: Queryable, select: string, values: readonly unknown[], key: string, page: PageQuery): Promise<Page<Row>> {
  const place = values.length
  const { rows } = await database.query<Row>(
    `${select} AND ($${place + 1}::text IS NULL OR ${key} < $${place + 1}) ORDER BY ${key} DESC LIMIT $${place + 2}`, [...values, page.after ?? null, page.limit + 1])
  return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit }
}

export async function readRow<Row extends pg.QueryResultRow> (database: Queryable, select: string, values: readonly unknown[]): Promise<Row | null> {
  return (await database.query<Row>(select, [...values])).rows[0] ?? null
}

/** Sets the given columns of one row; what is undefined stays as it is. Table and columns are the program's own words, never a caller's. */
export async function updateColumns (database: Queryable, table: string, key: Readonly<Record<string, string>>, columns: Readonly<Record<string, unknown>>): Promise<void> {
  const changed = Object.entries(columns).filter(([, value]) => value !== undefined)
  if (changed.length === 0) return
  const [[keyColumn, keyValue] = ['', '']] = Object.entries(key)
  await database.query(`UPDATE ${table} SET ${changed.map(([column], index) => `${column} = $${index + 2}`).join(', ')} WHERE ${keyColumn} = $1`,
    [keyValue, ...changed.map(([, value]) => value)])
}

/** Throws `not_found` for no row, and `managed_by_config` for one that the configuration file owns. */
export function requireOwn<Row extends { readonly managed_by?: string }> (row: Row | null, resource: string, id: string): Row {
  if (row === null) throw new SiraError('not_found', { resource, id: id.slice(0, 100) })
  if (row.managed_by === 'config') throw new SiraError('managed_by_config', { resource })
  return row
}
