import { createHash, randomInt } from 'node:crypto'
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
  return createHash('sha256').update(text).digest('hex')
}

/** The caller behind a key text, or null when it is malformed, unknown, revoked or expired. */
export async function findCaller (database: Queryable, text: string): Promise<Caller | null> {
  if (!isWellFormedKey(text)) return null
  const { rows } = await database.query<{ id: string, organization_id: string, project_id: string, scopes: string[] }>(
    'SELECT id, organization_id, project_id, scopes FROM api_key WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())',
    [hashKey(text)])
  const row = rows[0]
  return row === undefined ? null : { keyId: row.id, organizationId: row.organization_id, projectId: row.project_id, scopes: row.scopes }
}

export interface NewKey { readonly organizationId: string, readonly projectId: string, readonly name: string, readonly scopes: readonly string[], readonly text: string }

/** Stores a key under its hash; a key that is there already is left as it is. Returns the key's id. */
export async function insertKey (database: Queryable, key: NewKey): Promise<string> {
  if (!isWellFormedKey(key.text)) throw new Error('A key must be sira_ + 32 base62 digits + 6 of checksum; make one with createKeyText()')
  const { rows } = await database.query<{ id: string }>(
    `INSERT INTO api_key (id, organization_id, project_id, name, hash, hint, scopes) VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (hash) DO UPDATE SET name = api_key.name RETURNING id`,
    [newId('key'), key.organizationId, key.projectId, key.name, hashKey(key.text), key.text.slice(-4), key.scopes])
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
