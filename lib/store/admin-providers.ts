import type { Sealed } from '../crypto/seal.ts'
import { type Page, type PageQuery, readPage, readRow } from './admin-rows.ts'
import type { Queryable } from './database.ts'

export interface ProviderRow { readonly name: string, readonly kind: string, readonly base_url: string, readonly settings: Record<string, unknown>, readonly created_at: Date, readonly updated_at: Date, readonly credentials: number }
/** What is shown of a credential: no part of its secret. */
export interface CredentialView { readonly id: string, readonly name: string, readonly created_at: Date, readonly expires_at: Date | null, readonly retire_at: Date | null }

const selectProvider = `SELECT name, kind, base_url, settings, created_at, updated_at,
  (SELECT count(*) FROM provider_credential WHERE provider = provider.name) AS credentials FROM provider`
const credentialColumns = 'id, name, created_at, expires_at, retire_at'

/** false when there is one of the name. */
export async function insertProvider (database: Queryable, provider: { name: string, kind: string, baseUrl: string, settings: object }): Promise<boolean> {
  const { rowCount } = await database.query('INSERT INTO provider (name, kind, base_url, settings) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [provider.name, provider.kind, provider.baseUrl, JSON.stringify(provider.settings)])
  return rowCount === 1
}

export async function listProviders (database: Queryable): Promise<ProviderRow[]> {
  return (await database.query<ProviderRow>(`${selectProvider} ORDER BY name`)).rows
}

export async function readProvider (database: Queryable, name: string): Promise<ProviderRow | null> {
  return await readRow(database, `${selectProvider} WHERE name = $1`, [name])
}

/** Waits for whoever else is changing the provider. */
export async function lockProvider (database: Queryable, name: string): Promise<ProviderRow | null> {
  await database.query('SELECT 1 FROM provider WHERE name = $1 FOR UPDATE', [name])
  return await readProvider(database, name)
}

export async function isProviderInUse (database: Queryable, name: string): Promise<boolean> {
  return await readRow(database, 'SELECT 1 FROM deployment WHERE provider = $1 LIMIT 1', [name]) !== null
}

/** Adds a credential; with `retireOthersAfter` the ones before are used that many seconds more. */
export async function insertCredential (
  database: Queryable, credential: Sealed & { id: string, provider: string, name: string, expiresAt: string | null }, retireOthersAfter: number | null
): Promise<CredentialView> {
  if (retireOthersAfter !== null) {
    await database.query('UPDATE provider_credential SET retire_at = least(retire_at, now() + make_interval(secs => $2)) WHERE provider = $1', [credential.provider, retireOthersAfter])
  }
  return (await readRow<CredentialView>(database,
    `INSERT INTO provider_credential (id, provider, name, sealed, kek, expires_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${credentialColumns}`,
    [credential.id, credential.provider, credential.name, credential.sealed, credential.kek, credential.expiresAt]))!
}

export async function listCredentials (database: Queryable, provider: string, page: PageQuery): Promise<Page<CredentialView>> {
  return await readPage(database, `SELECT ${credentialColumns} FROM provider_credential WHERE provider = $1`, [provider], 'id', page)
}

export async function deleteCredential (database: Queryable, provider: string, id: string): Promise<boolean> {
  return (await database.query('DELETE FROM provider_credential WHERE provider = $1 AND id = $2', [provider, id])).rowCount === 1
}
