import type { Queryable } from './database.ts'

/** Which of the keys may still be used: neither revoked, expired nor deleted, and neither is their tenant archived. */
export async function readUsableKeys (database: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await database.query<{ id: string }>(
    `SELECT api_key.id FROM api_key JOIN project ON project.id = project_id JOIN organization ON organization.id = api_key.organization_id
     WHERE api_key.id = ANY($1) AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
       AND project.archived_at IS NULL AND organization.archived_at IS NULL`, [ids])
  return new Set(rows.map(row => row.id))
}
