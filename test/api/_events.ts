import type { Tenant } from '../../lib/contracts/jobs.ts'
import { newId } from '../../lib/ids.ts'
import type { Queryable } from '../../lib/store/database.ts'

/** Events with their places in the feed, as the fan-out leaves them, oldest first. Returns their ids. */
export async function addEvents (database: Queryable, { organizationId, projectId }: Tenant, types: readonly string[], { resource = newId('batch'), data = {} }: { resource?: string, data?: object } = {}): Promise<string[]> {
  const ids = types.map(() => newId('event'))
  await database.query(
    `WITH place AS (
       INSERT INTO event_feed (organization_id, project_id, last) VALUES ($1, $2, $6)
       ON CONFLICT (organization_id, project_id) DO UPDATE SET last = event_feed.last + $6 RETURNING last
     )
     INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data, feed_seq)
     SELECT added.id, $1, $2, $3, number + (SELECT coalesce(max(seq), 0) FROM event WHERE resource_id = $3), added.type, $5, place.last - $6 + number
     FROM place, unnest($4::text[], $7::text[]) WITH ORDINALITY AS added (id, type, number)`,
    [organizationId, projectId, resource, ids, JSON.stringify(data), types.length, types])
  return ids
}
