import type { Queryable } from './database.ts'

/** Which of the keys may still be used: neither revoked, expired nor deleted. */
export async function readUsableKeys (database: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.query<{ id: string }>(
    'SELECT id FROM api_key WHERE id = ANY($1) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())', [ids])
  return new Set(rows.map(row => row.id))
}
