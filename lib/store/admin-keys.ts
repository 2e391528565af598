import { newId } from '../ids.ts'
import { type Page, type PageQuery, type Reach, readPage, readRow } from './admin-rows.ts'
import type { Queryable } from './database.ts'
import { hashKey } from './keys.ts'

/** A key as it is shown: never a secret or its hash. */
export interface KeyRow {
  readonly id: string
  readonly organization_id: string
  readonly project_id: string
  readonly name: string
  /** The last four characters of each secret that works, newest first. */
  readonly secrets: ReadonlyArray<{ readonly hint: string, readonly created_at: string, readonly expires_at: string | null, readonly claimable: boolean }>
  readonly scopes: string[]
  readonly models: string[] | null
  readonly allowed_ips: string[] | null
  readonly cache_ttl_seconds: number | null
  readonly rotate_every_days: number | null
  readonly overlap_seconds: number
  readonly rotate_at: Date | null
  readonly created_at: Date
  readonly expires_at: Date | null
  readonly revoked_at: Date | null
  readonly last_used_at: Date | null
  readonly managed_by: string
}

export interface KeyFields {
  readonly name: string
  readonly scopes: readonly string[]
  readonly models: readonly string[] | null
  readonly allowed_ips: readonly string[] | null
  readonly expires_at: string | null
  readonly cache_ttl_seconds: number | null
  readonly rotate_every_days: number | null
  readonly overlap_seconds: number
}

const select = `SELECT api_key.id, organization_id, project_id, name, coalesce(scopes, '{}') AS scopes, models, allowed_ips, cache_ttl_seconds, rotate_every_days,
  overlap_seconds, rotate_at, created_at, expires_at, revoked_at, managed_by, last_used_at,
  coalesce((SELECT json_agg(json_build_object('hint', hint, 'created_at', key_secret.created_at, 'expires_at', key_secret.expires_at, 'claimable', unclaimed IS NOT NULL)
      ORDER BY key_secret.created_at DESC)
    FROM key_secret WHERE key_secret.key_id = api_key.id AND (key_secret.expires_at IS NULL OR key_secret.expires_at > now())), '[]') AS secrets
  FROM api_key LEFT JOIN key_use ON key_use.key_id = api_key.id`

export async function listKeys (database: Queryable, reach: Reach, filter: PageQuery & { project_id?: string }): Promise<Page<KeyRow>> {
  return await readPage(database, `${select} WHERE ($1::text IS NULL OR organization_id = $1) AND ($2::text IS NULL OR project_id = $2)`,
    [reach.organizationId, filter.project_id ?? null], 'api_key.id', filter)
}

export async function readKey (database: Queryable, reach: Reach, id: string): Promise<KeyRow | null> {
  return await readRow(database, `${select} WHERE api_key.id = $1 AND ($2::text IS NULL OR organization_id = $2)`, [id, reach.organizationId])
}

/** Keeps others from changing the key until the transaction ends. */
export async function lockKey (database: Queryable, reach: Reach, id: string): Promise<KeyRow | null> {
  await database.query('SELECT 1 FROM api_key WHERE id = $1 AND ($2::text IS NULL OR organization_id = $2) FOR UPDATE', [id, reach.organizationId])
  return await readKey(database, reach, id)
}

export async function insertKeyWith (database: Queryable, tenant: { organizationId: string, projectId: string }, fields: KeyFields, text: string): Promise<string> {
  const id = newId('key')
  await database.query(
    `INSERT INTO api_key (id, organization_id, project_id, name, scopes, models, allowed_ips, expires_at, cache_ttl_seconds, rotate_every_days, overlap_seconds, rotate_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + make_interval(days => $10))`,
    [id, tenant.organizationId, tenant.projectId, fields.name, fields.scopes, fields.models, fields.allowed_ips, fields.expires_at, fields.cache_ttl_seconds, fields.rotate_every_days, fields.overlap_seconds])
  await database.query('INSERT INTO key_secret (hash, key_id, hint) VALUES ($1, $2, $3)', [hashKey(text), id, text.slice(-4)])
  return id
}

/**
 * Gives a key a new secret; those before work for `overlap` seconds more, or shorter where they end earlier. `unclaimed` is the
 * new text, encrypted, when nobody is there to be told; an older one is forgotten. The next automatic rotation is counted from now.
 */
export async function replaceSecret (database: Queryable, keyId: string, text: string, overlap: number, unclaimed: Buffer | null): Promise<void> {
  await database.query('DELETE FROM key_secret WHERE key_id = $1 AND expires_at <= now()', [keyId])
  await database.query('UPDATE key_secret SET unclaimed = NULL, expires_at = least(expires_at, now() + make_interval(secs => $2)) WHERE key_id = $1', [keyId, overlap])
  // clock_timestamp: newer than a secret made in the same transaction
  await database.query('INSERT INTO key_secret (hash, key_id, hint, unclaimed, created_at) VALUES ($1, $2, $3, $4, clock_timestamp())', [hashKey(text), keyId, text.slice(-4), unclaimed])
  await database.query('UPDATE api_key SET rotate_at = now() + make_interval(days => rotate_every_days) WHERE id = $1', [keyId])
}

/** The encrypted text of an automatic rotation, which nobody gets twice. */
export async function takeUnclaimed (database: Queryable, keyId: string): Promise<{ hash: string, unclaimed: Buffer } | null> {
  return await readRow(database,
    `UPDATE key_secret SET unclaimed = NULL FROM (SELECT hash, unclaimed FROM key_secret WHERE key_id = $1 AND unclaimed IS NOT NULL FOR UPDATE) AS before
     WHERE key_secret.hash = before.hash RETURNING before.hash, before.unclaimed`, [keyId])
}

/** Keys that are due for an automatic rotation, locked; those that another worker holds are left to it. */
export async function lockDueKeys (database: Queryable, limit: number): Promise<Array<{ id: string, organization_id: string, project_id: string, overlap_seconds: number }>> {
  const { rows } = await database.query<{ id: string, organization_id: string, project_id: string, overlap_seconds: number }>(
    `SELECT id, organization_id, project_id, overlap_seconds FROM api_key
     WHERE rotate_at <= now() AND rotate_every_days IS NOT NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AND managed_by = 'api'
     ORDER BY rotate_at LIMIT $1 FOR UPDATE SKIP LOCKED`, [limit])
  return rows
}

export async function countDueKeys (database: Queryable): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    "SELECT count(*) AS count FROM api_key WHERE rotate_at <= now() AND rotate_every_days IS NOT NULL AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) AND managed_by = 'api'")
  return rows[0]!.count
}
