import type { Pool, PoolClient } from 'pg'
import { inTransaction } from './database.ts'
import type { OutboxEntry } from './outbox.ts'
import { takesEvent } from './event-pattern.ts'
import { lockDispatches, wakeDispatchers } from './wake-dispatchers.ts'

/** Events of one transaction. */
export const MOST_EVENTS = 500
/** Arbitrary but fixed. */
const FAN_OUT_LOCK = 5_350_035

export interface FanOut {
  readonly events: number
  /** Endpoints that have something due now. */
  readonly endpointIds: readonly string[]
  /** To be sent to Temporal. */
  readonly wake: readonly OutboxEntry[]
}

const nothing: FanOut = { events: 0, endpointIds: [], wake: [] }

/**
 * Gives committed events their place in the feed and inserts their deliveries, both or neither. At most MOST_EVENTS (and those that come before them
 * in their resources); call again while that many come back.
 *
 * One fan-out at a time, whichever worker has the lock. Thus feeds are numbered in the order in which readers see the events, and the deliveries of a resource's events come
 * in their order, which endpoints in ordered mode rely on. A worker that is stopped while it holds the lock loses it after 2 s.
 */
export async function fanOut (pool: Pool): Promise<FanOut> {
  const { rows: [waiting] } = await pool.query<{ some: boolean }>('SELECT EXISTS (SELECT FROM event WHERE feed_seq IS NULL) AS some')
  if (!waiting!.some) return nothing
  return await inTransaction(pool, async client => {
    const { rows: [lock] } = await client.query<{ held: boolean }>(
      "SELECT set_config('idle_in_transaction_session_timeout', '2000', true), pg_try_advisory_xact_lock($1) AS held", [FAN_OUT_LOCK])
    if (!lock!.held) return nothing
    const eventIds = await takeEvents(client)
    if (eventIds.length === 0) return nothing
    const endpointIds = await insertDeliveries(client, eventIds)
    return { events: eventIds.length, endpointIds, wake: endpointIds.length === 0 ? [] : await wakeDispatchers(client, endpointIds) }
  })
}

/*
 * By time of creation; but within a resource always by its sequence. A later event may have begun its transaction first, and then waited for the one
 * before it: so events take the time of the latest one before them in their resource, and a full batch also takes what it would leave behind.
 */
const takeStatement = `
WITH oldest AS (
  SELECT id, organization_id, project_id, resource_id, seq, created_at FROM event WHERE feed_seq IS NULL ORDER BY created_at, id LIMIT ${MOST_EVENTS}
), taken AS (
  SELECT * FROM oldest
  UNION
  SELECT earlier.id, earlier.organization_id, earlier.project_id, earlier.resource_id, earlier.seq, earlier.created_at
  FROM (SELECT resource_id, max(seq) AS seq FROM oldest GROUP BY resource_id) AS reach
  JOIN event AS earlier ON earlier.resource_id = reach.resource_id AND earlier.seq < reach.seq AND earlier.feed_seq IS NULL
), ordered AS (
  SELECT id, organization_id, project_id, resource_id, seq, max(created_at) OVER (PARTITION BY resource_id ORDER BY seq) AS told_at FROM taken
), numbered AS (
  SELECT id, organization_id, project_id, row_number() OVER (PARTITION BY organization_id, project_id ORDER BY told_at, resource_id, seq) AS place FROM ordered
), feed AS (
  INSERT INTO event_feed (organization_id, project_id, last) SELECT organization_id, project_id, count(*) FROM numbered GROUP BY organization_id, project_id
  ON CONFLICT (organization_id, project_id) DO UPDATE SET last = event_feed.last + excluded.last
  RETURNING organization_id, project_id, last
), size AS (
  SELECT organization_id, project_id, count(*) AS count FROM numbered GROUP BY organization_id, project_id
)
UPDATE event SET feed_seq = feed.last - size.count + numbered.place
FROM numbered JOIN feed USING (organization_id, project_id) JOIN size USING (organization_id, project_id)
WHERE event.id = numbered.id
RETURNING event.id`

async function takeEvents (client: PoolClient): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(takeStatement)
  return rows.map(row => row.id)
}

/** Whether an endpoint wants an event. What happens to an endpoint is told to others: telling it might be what fails. */
const wanted = `endpoint.organization_id = event.organization_id
  AND (endpoint.scope = 'organization' OR endpoint.project_id = event.project_id)
  AND endpoint.created_at <= event.created_at AND endpoint.id <> event.resource_id
  AND ${takesEvent('endpoint.event_types')}`

/** Two branches, because each has its index: a project may have thousands of endpoints of single jobs. */
const pairs = `
SELECT event.id AS event_id, endpoint.id AS endpoint_id FROM event JOIN webhook_endpoint AS endpoint ON endpoint.resource_id IS NULL AND ${wanted} WHERE event.id = ANY($1)
UNION ALL
SELECT event.id, endpoint.id FROM event JOIN webhook_endpoint AS endpoint ON endpoint.resource_id = event.resource_id AND ${wanted} WHERE event.id = ANY($1)`

/** Returns the endpoints that have pending deliveries now. */
async function insertDeliveries (client: PoolClient, eventIds: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ endpoint_id: string }>(`SELECT DISTINCT endpoint_id FROM (${pairs}) AS pair`, [eventIds])
  if (rows.length === 0) return []
  const endpoints = [...await lockDispatches(client, rows.map(row => row.endpoint_id))]
  const enabled = endpoints.filter(([, { enabled }]) => enabled).map(([id]) => id)
  // a disabled endpoint's deliveries are there too, so that what it missed can be queued when it is enabled again
  const { rows: inserted } = await client.query<{ endpoint_id: string }>(
    `WITH pair AS (${pairs}), inserted AS (
       INSERT INTO webhook_delivery (id, endpoint_id, event_id, organization_id, project_id, resource_id, event_seq, event_type, state, finished_at)
       SELECT new_id('whd_'), endpoint_id, event.id, event.organization_id, event.project_id, event.resource_id, event.seq, event.type,
         CASE WHEN endpoint_id = ANY($2) THEN 'pending' ELSE 'disabled' END, CASE WHEN endpoint_id = ANY($2) THEN NULL ELSE now() END
       FROM pair JOIN event ON event.id = event_id
       WHERE endpoint_id = ANY($3)
       ORDER BY endpoint_id, event.feed_seq
       ON CONFLICT (endpoint_id, event_id) DO NOTHING
       RETURNING endpoint_id, state
     )
     SELECT DISTINCT endpoint_id FROM inserted WHERE state = 'pending'`, [eventIds, enabled, endpoints.map(([id]) => id)])
  return inserted.map(row => row.endpoint_id)
}
