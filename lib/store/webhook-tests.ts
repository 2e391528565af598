import type { Pool } from 'pg'
import type { FeedEvent, WebhookAttempt } from '../contracts/webhooks.ts'
import { newId } from '../ids.ts'
import { inTransaction, type Queryable } from './database.ts'
import { lockDispatches } from './wake-dispatchers.ts'

/**
 * The `ping` of one endpoint, with its place in the feed at once, so that fan-out does not send it to others, and its delivery, which no
 * dispatcher takes: it has ended, and a test has one attempt only. null = the endpoint is gone.
 */
export async function insertPing (pool: Pool, endpointId: string): Promise<{ event: FeedEvent, deliveryId: string } | null> {
  return await inTransaction(pool, async client => {
    // the feed before the dispatch, as fan-out has it; the endpoint first, so that it is not deleted after its event has its place
    const { rows: [place] } = await client.query<{ last: number }>(
      `WITH endpoint AS (SELECT organization_id, project_id FROM webhook_endpoint WHERE id = $1 FOR KEY SHARE)
       INSERT INTO event_feed (organization_id, project_id, last) SELECT organization_id, project_id, 1 FROM endpoint
       ON CONFLICT (organization_id, project_id) DO UPDATE SET last = event_feed.last + 1 RETURNING last`, [endpointId])
    if (place === undefined) return null
    // it keeps the sequence of the endpoint's events
    await lockDispatches(client, [endpointId])
    const { rows } = await client.query<{ id: string, organization_id: string, project_id: string, seq: number, feed_seq: number, created_at: Date }>(
      `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data, feed_seq)
       SELECT $2, organization_id, project_id, id, (SELECT coalesce(max(seq), 0) + 1 FROM event WHERE resource_id = $1), 'ping', '{}', $3 FROM webhook_endpoint WHERE id = $1
       RETURNING id, organization_id, project_id, seq, feed_seq, created_at`, [endpointId, newId('event'), place.last])
    const row = rows[0]!
    const event: FeedEvent = {
      id: row.id, organizationId: row.organization_id, projectId: row.project_id, resourceId: endpointId, seq: row.seq, feedSeq: row.feed_seq, type: 'ping', data: {}, createdAt: row.created_at
    }
    const deliveryId = newId('delivery')
    await client.query(
      `INSERT INTO webhook_delivery (id, endpoint_id, event_id, organization_id, project_id, resource_id, event_seq, event_type, state, trigger, finished_at)
       VALUES ($1, $2, $3, $4, $5, $2, $6, 'ping', 'exhausted', 'test', now())`, [deliveryId, endpointId, event.id, event.organizationId, event.projectId, event.seq])
    return { event, deliveryId }
  })
}

/** What came of a test. Nothing is kept when the endpoint was deleted meanwhile. The endpoint's health is not touched. */
export async function saveTest (database: Queryable, attempt: WebhookAttempt): Promise<void> {
  const { timing } = attempt
  await database.query(
    `WITH tested AS (
       UPDATE webhook_delivery SET state = $2, attempts = 1, finished_at = now() WHERE id = $1 RETURNING id
     )
     INSERT INTO webhook_attempt (delivery_id, number, trigger, url, address, status, error_class, error_message, timing, request, response, started_at)
     SELECT id, 1, 'test', $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM tested`,
    [attempt.deliveryId, isSuccess(attempt) ? 'delivered' : 'exhausted', attempt.url, attempt.address, attempt.status, attempt.errorClass, attempt.errorMessage,
      { dns: timing.dns, connect: timing.connect, tls: timing.tls, first_byte: timing.firstByte, total: timing.total }, attempt.request, attempt.response, attempt.startedAt])
}

/** Only a 2xx answer says that a receiver has the event. */
export function isSuccess ({ status }: Pick<WebhookAttempt, 'status'>): boolean {
  return status !== null && status >= 200 && status < 300
}
