import type { Pool } from 'pg'
import { terminalStates } from '../domain/job-state.ts'
import { EVENT_DAYS } from './webhook-replays.ts'

const unfinished = (id: string): string => `EXISTS (SELECT FROM job WHERE job.id = ${id} AND state <> ALL('{${terminalStates.join()}}'))`

/**
 * Removes up to `limit` events that are older than the feed reaches, with their deliveries and attempts. Those of unfinished jobs stay, and so does the newest
 * event of a resource that numbers its events by those that are there (keys, endpoints, budgets): its sequence must never begin anew. Returns how many went.
 */
export async function sweepEvents (pool: Pool, limit: number): Promise<number> {
  const { rowCount } = await pool.query(
    `DELETE FROM event WHERE id IN (
       SELECT id FROM event AS old WHERE created_at < now() - $1 * interval '1 day' AND feed_seq IS NOT NULL AND NOT ${unfinished('old.resource_id')}
         AND (old.resource_id ~ '^(batch|resp|replay)_' OR EXISTS (SELECT FROM event AS newer WHERE newer.resource_id = old.resource_id AND newer.seq > old.seq))
       ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)`, [EVENT_DAYS, limit])
  return rowCount ?? 0
}

/** Removes secrets that sign no more. */
export async function sweepSecrets (pool: Pool, limit: number): Promise<void> {
  await pool.query('DELETE FROM webhook_secret WHERE id IN (SELECT id FROM webhook_secret WHERE expires_at < now() LIMIT $1)', [limit])
}

/** Removes endpoints of single jobs a day after all has ended: their job, and whatever was to be delivered. */
export async function sweepJobEndpoints (pool: Pool, limit: number): Promise<void> {
  await pool.query(
    `DELETE FROM webhook_endpoint WHERE id IN (
       SELECT endpoint.id FROM webhook_endpoint AS endpoint
       WHERE resource_id IS NOT NULL AND created_at < now() - interval '1 day' AND NOT ${unfinished('endpoint.resource_id')}
         AND NOT EXISTS (SELECT FROM response WHERE response.id = endpoint.resource_id AND response.status IN ('queued', 'in_progress'))
         AND NOT EXISTS (SELECT FROM event WHERE event.resource_id = endpoint.resource_id AND event.created_at > now() - interval '1 day')
         AND NOT EXISTS (SELECT FROM webhook_delivery WHERE endpoint_id = endpoint.id AND (state = 'pending' OR finished_at > now() - interval '1 day'))
       LIMIT $1 FOR UPDATE SKIP LOCKED)`, [limit])
}
