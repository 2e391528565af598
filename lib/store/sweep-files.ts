import type { Pool } from 'pg'
import { terminalStates } from '../domain/job-state.ts'
import type { ObjectStore } from './object-store.ts'

/**
 * How long the row of a deleted file stays, as a cursor for lists that were begun before and as the note that its object
 * must go. At its end the object is removed once more, for deletions that a crash cut short.
 */
const keptFor = '1 hour'

const isRead = `EXISTS (SELECT FROM batch JOIN job ON job.id = batch.id
  WHERE batch.input_file_id = file.id AND job.state <> ALL('{${terminalStates.join()}}'))`

/**
 * Removes up to `limit` files that expired and as many that were deleted an hour ago; the object of an input file stays
 * while an unfinished batch reads it. Safe to run in several processes at once, and to be cut short: an object always goes
 * before its row. Returns how many of each it handled.
 */
export async function sweepFiles (pool: Pool, objects: ObjectStore, limit: number): Promise<{ expired: number, purged: number }> {
  const expired = await pool.query<{ object_key: string, is_read: boolean }>(
    `UPDATE file SET deleted_at = now() WHERE id IN (
       SELECT id FROM file WHERE deleted_at IS NULL AND expires_at <= now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
     RETURNING object_key, ${isRead} AS is_read`, [limit])
  for (const file of expired.rows) if (!file.is_read) await objects.remove(file.object_key)

  const deleted = await pool.query<{ id: string, object_key: string }>(
    `SELECT id, object_key FROM file WHERE deleted_at < now() - $2::interval AND NOT ${isRead} ORDER BY deleted_at LIMIT $1`, [limit, keptFor])
  for (const file of deleted.rows) await objects.remove(file.object_key)
  await pool.query('DELETE FROM file WHERE id = ANY($1)', [deleted.rows.map(file => file.id)])
  return { expired: expired.rows.length, purged: deleted.rows.length }
}
