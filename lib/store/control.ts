import type { Pool, PoolClient } from 'pg'
import { inTransaction, type Queryable } from './database.ts'

/** Everything small that requests are served by, as rows of one moment. */
export interface ControlRows {
  readonly version: number
  readonly providers: ReadonlyArray<{ readonly name: string, readonly kind: string, readonly baseUrl: string, readonly settings: Readonly<Record<string, unknown>> }>
  readonly credentials: readonly CredentialRow[]
  readonly models: ReadonlyArray<{ readonly id: string, readonly settings: Readonly<Record<string, unknown>> }>
  readonly deployments: ReadonlyArray<{
    readonly id: string, readonly modelId: string, readonly provider: string, readonly upstream: string, readonly weight: number, readonly priority: number, readonly prices: unknown
  }>
  readonly limits: ReadonlyArray<{
    readonly organizationId: string | null, readonly kind: 'organization' | 'project' | 'key' | 'model', readonly subjectId: string
    readonly requestsPerMinute: number | null, readonly tokensPerMinute: number | null, readonly concurrency: number | null
  }>
  readonly budgets: ReadonlyArray<{
    readonly id: string, readonly kind: 'organization' | 'project' | 'key', readonly subjectId: string
    readonly period: 'day' | 'week' | 'month' | 'total', readonly amount: string, readonly hard: boolean
  }>
  readonly presets: ReadonlyArray<{ readonly projectId: string, readonly name: string, readonly parameters: Readonly<Record<string, unknown>> }>
}

export interface CredentialRow {
  readonly id: string
  readonly provider: string
  readonly sealed: Buffer
  readonly kek: string
  /** ms from the moment of the read until it expires, and until it is to be retired; null = never, negative = it has. */
  readonly expiresIn: number | null
  readonly retiresIn: number | null
}

/** ms after which a check counts as failed. */
const checkDeadline = 2_000
/** ms for everything. */
const readDeadline = 10_000

export async function readControlVersion (pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ version: number }>({ text: 'SELECT version FROM control_version', query_timeout: checkDeadline } as { text: string })
  return rows[0]!.version
}

/** All of it in one snapshot; `also` reads in the same one. */
export async function readControl<T> (pool: Pool, also: (client: PoolClient) => Promise<T>): Promise<{ rows: ControlRows, extra: T }> {
  return await inTransaction(pool, async client => {
    await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY')
    await client.query(`SET LOCAL statement_timeout = ${readDeadline}`)
    return { rows: await readRows(client), extra: await also(client) }
  })
}

async function readRows (client: Queryable): Promise<ControlRows> {
  const all = async <Row extends object>(text: string): Promise<Row[]> => (await client.query<Row>(text)).rows
  return {
    version: (await all<{ version: number }>('SELECT version FROM control_version'))[0]!.version,
    providers: await all('SELECT name, kind, base_url AS "baseUrl", settings FROM provider ORDER BY created_at, name'),
    credentials: await all(
      `SELECT id, provider, sealed, kek, (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::float8 AS "expiresIn",
         (extract(epoch FROM retire_at - clock_timestamp()) * 1000)::float8 AS "retiresIn"
       FROM provider_credential ORDER BY created_at, id`),
    models: await all('SELECT id, settings FROM model ORDER BY created_at, id'),
    deployments: await all('SELECT id, model_id AS "modelId", provider, upstream, weight, priority, prices FROM deployment ORDER BY created_at, id'),
    limits: await all(
      `SELECT organization_id AS "organizationId", subject_kind AS kind, subject_id AS "subjectId", requests_per_minute AS "requestsPerMinute",
         tokens_per_minute AS "tokensPerMinute", concurrency FROM usage_limit`),
    budgets: await all('SELECT id, subject_kind AS kind, subject_id AS "subjectId", period, amount, hard FROM budget ORDER BY id'),
    presets: await all('SELECT project_id AS "projectId", name, parameters FROM preset')
  }
}

/** Notes when keys were last used. Ids that are gone are left out; an earlier time never replaces a later one. */
export async function recordKeyUse (database: Queryable, uses: ReadonlyMap<string, Date>): Promise<void> {
  await database.query(
    `INSERT INTO key_use (key_id, last_used_at)
     SELECT used.id, used.at FROM unnest($1::text[], $2::timestamptz[]) AS used (id, at) JOIN api_key ON api_key.id = used.id ORDER BY used.id
     ON CONFLICT (key_id) DO UPDATE SET last_used_at = greatest(key_use.last_used_at, excluded.last_used_at)`,
    [[...uses.keys()], [...uses.values()]])
}
