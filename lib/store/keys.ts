import { hash, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { Caller } from '../contracts/jobs.ts'
import { newId } from '../ids.ts'
import type { Queryable } from './database.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const form = /^sira_[0-9A-Za-z]{38}$/

/** A new key: `sira_` + 32 random base62 digits (190 bits) + 6 of a CRC-32, so that a mistyped or foreign key is refused without a query. */
export function createKeyText (): string {
  const random = Array.from({ length: 32 }, () => alphabet[randomInt(62)]!).join('')
  return `sira_${random}${checksum(random)}`
}

export function isWellFormedKey (text: string): boolean {
  return form.test(text) && checksum(text.slice(5, 37)) === text.slice(37)
}

/** What is stored. A plain SHA-256 is enough because the key itself has 190 random bits. */
export function hashKey (text: string): string {
  return hash('sha256', text, 'hex')
}

/** Who a stored secret stands for, as of one moment. */
export interface FoundCaller {
  readonly caller: Caller
  /** ms until the key, or this secret of it, expires; null = never. */
  readonly lifetime: number | null
  /** control_version of that moment. */
  readonly version: number
}

/**
 * The callers behind hashes of keys, by hash. Left out is what is unknown, revoked or expired, or whose organization or
 * project is archived.
 */
export async function findCallers (database: Queryable, hashes: readonly string[]): Promise<Map<string, FoundCaller>> {
  if (hashes.length === 0) return new Map()
  const { rows } = await database.query<Omit<FoundCaller, 'caller'> & { hash: string, caller: Caller }>(
    `SELECT hash, (SELECT version FROM control_version) AS version,
       (extract(epoch FROM least(api_key.expires_at, key_secret.expires_at) - clock_timestamp()) * 1000)::float8 AS lifetime,
       json_build_object('keyId', api_key.id, 'organizationId', api_key.organization_id, 'projectId', project_id, 'scopes', scopes, 'models', models,
         'allowedIps', allowed_ips, 'cacheTtlSeconds', cache_ttl_seconds) AS caller
     FROM key_secret JOIN api_key ON api_key.id = key_id
       JOIN project ON project.id = project_id JOIN organization ON organization.id = api_key.organization_id
     WHERE hash = ANY($1) AND revoked_at IS NULL AND (api_key.expires_at IS NULL OR api_key.expires_at > now())
       AND (key_secret.expires_at IS NULL OR key_secret.expires_at > now())
       AND project.archived_at IS NULL AND organization.archived_at IS NULL`,
    [hashes])
  return new Map(rows.map(({ hash, ...found }) => [hash, found]))
}

/** The caller behind a key text, or null when it is malformed or not among findCallers. */
export async function findCaller (database: Queryable, text: string): Promise<Caller | null> {
  if (!isWellFormedKey(text)) return null
  const hash = hashKey(text)
  return (await findCallers(database, [hash])).get(hash)?.caller ?? null
}

export interface NewKey { readonly organizationId: string, readonly projectId: string, readonly name: string, readonly scopes: readonly string[], readonly text: string }

/** Stores a key under its hash; a key that is there already is left as it is. Returns the key's id. */
export async function insertKey (database: Queryable, key: NewKey): Promise<string> {
  if (!isWellFormedKey(key.text)) throw new Error('A key must be sira_ + 32 base62 digits + 6 of checksum; make one with createKeyText()')
  const id = newId('key')
  // one statement: two processes may start at once with the same bootstrap key
  const { rows } = await database.query<{ id: string }>(
    `WITH secret AS (
       INSERT INTO key_secret (hash, key_id, hint) VALUES ($5, $1, $6) ON CONFLICT (hash) DO NOTHING RETURNING key_id
     ), key AS (
       INSERT INTO api_key (id, organization_id, project_id, name, scopes) SELECT $1, $2, $3, $4, $7 FROM secret
     )
     SELECT key_id AS id FROM secret UNION ALL SELECT key_id FROM key_secret WHERE hash = $5 LIMIT 1`,
    [id, key.organizationId, key.projectId, key.name, hashKey(key.text), key.text.slice(-4), key.scopes])
  // another process inserted it after this statement took its snapshot
  return rows[0]?.id ?? await readKeyId(database, key.text)
}

async function readKeyId (database: Queryable, text: string): Promise<string> {
  const { rows } = await database.query<{ id: string }>('SELECT key_id AS id FROM key_secret WHERE hash = $1', [hashKey(text)])
  return rows[0]!.id
}

/**
 * The first organization and project (fixed ids, so that every process may call this) with the given keys.
 * Idempotent.
 */
export async function ensureBootstrapTenant (database: Queryable, keys: { adminKey: string, userKey?: string }): Promise<void> {
  const organizationId = 'org_default'
  const projectId = 'proj_default'
  await createTenant(database, { organizationId, projectId, name: 'Default' })
  await insertKey(database, { organizationId, projectId, name: 'bootstrap admin', scopes: ['admin'], text: keys.adminKey })
  if (keys.userKey !== undefined) await insertKey(database, { organizationId, projectId, name: 'first key', scopes: [], text: keys.userKey })
}

export async function createTenant (database: Queryable, tenant: { organizationId: string, projectId: string, name: string }): Promise<void> {
  await database.query('INSERT INTO organization (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [tenant.organizationId, tenant.name])
  await database.query('INSERT INTO project (id, organization_id, name) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
    [tenant.projectId, tenant.organizationId, tenant.name])
}

function checksum (text: string): string {
  let value = crc32(text)
  let digits = ''
  for (let place = 0; place < 6; place++) {
    digits = alphabet[value % 62]! + digits
    value = Math.floor(value / 62)
  }
  return digits
}
