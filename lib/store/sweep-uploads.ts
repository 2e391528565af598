import type { Pool } from 'pg'
import type { ObjectStore } from './object-store.ts'

/** Past its expiry an upload takes no part and no completion can begin; one that began before gets this long to end. */
const completionGrace = '15 minutes'

/**
 * Closes uploads whose hour is over and removes up to `limit` parts of uploads that are not pending: the parts of expired
 * ones, and what a crash left of the others. Safe to run in several processes at once. Returns how many of each it handled.
 */
export async function sweepUploads (pool: Pool, objects: ObjectStore, limit: number): Promise<{ expired: number, parts: number }> {
  const expired = await pool.query(
    "UPDATE upload SET status = 'expired' WHERE status = 'pending' AND expires_at < now() - $1::interval", [completionGrace])
  const { rows } = await pool.query<{ id: string, object_key: string }>(
    "SELECT part.id, part.object_key FROM upload_part part JOIN upload ON upload.id = part.upload_id WHERE upload.status <> 'pending' LIMIT $1", [limit])
  await removeParts(pool, objects, rows.map(row => ({ id: row.id, objectKey: row.object_key })))
  return { expired: expired.rowCount ?? 0, parts: rows.length }
}

/** Objects first: a row that is left says that its object may be there. */
async function removeParts (pool: Pool, objects: ObjectStore, parts: ReadonlyArray<{ id: string, objectKey: string }>): Promise<void> {
  for (const part of parts) await objects.remove(part.objectKey)
  await pool.query('DELETE FROM upload_part WHERE id = ANY($1)', [parts.map(part => part.id)])
}

/** The same for one upload, right after it ended. */
export async function removeUploadParts (pool: Pool, objects: ObjectStore, uploadId: string): Promise<void> {
  const { rows } = await pool.query<{ id: string, object_key: string }>('SELECT id, object_key FROM upload_part WHERE upload_id = $1', [uploadId])
  await removeParts(pool, objects, rows.map(row => ({ id: row.id, objectKey: row.object_key })))
}
