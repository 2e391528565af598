import type { AttemptErrorClass, DeliveryState, DeliveryTrigger } from '../contracts/webhooks.ts'
import { type Page, type PageQuery, readRow } from './admin-rows.ts'
import type { Queryable } from './database.ts'
import { likePatterns } from './event-feed.ts'
import type { EndpointReach } from './webhook-settings.ts'

export interface DeliveryRow {
  readonly id: string
  readonly endpoint_id: string
  readonly event_id: string
  readonly event_type: string
  readonly resource_id: string
  readonly event_seq: number
  readonly state: DeliveryState
  readonly trigger: DeliveryTrigger
  readonly replay_id: string | null
  readonly attempts: number
  /** Of the last attempt; null = there was none, or no answer came. */
  readonly last_status: number | null
  readonly last_error_class: AttemptErrorClass | null
  /** When the next attempt is due; null once it has ended. */
  readonly due_at: Date | null
  readonly created_at: Date
  readonly finished_at: Date | null
}

export interface AttemptRow {
  readonly number: number
  readonly trigger: DeliveryTrigger
  readonly url: string
  readonly address: string | null
  readonly status: number | null
  readonly error_class: AttemptErrorClass | null
  readonly error_message: string | null
  readonly timing: object
  readonly request: object
  readonly response: object | null
  readonly started_at: Date
}

export interface DeliveryFilter extends PageQuery {
  readonly state?: DeliveryState
  /** Event types and wildcards; absent = all. */
  readonly types?: readonly string[]
  readonly eventId?: string
  readonly replayId?: string
  readonly since?: Date
  readonly until?: Date
}

/** Only through an endpoint in reach: what is logged of other projects is for who may see the whole organization. */
const mine = `webhook_delivery.endpoint_id = $4 AND EXISTS (SELECT FROM webhook_endpoint
  WHERE id = $4 AND organization_id = $1 AND project_id = $2 AND (scope = 'project' OR $3)) AND webhook_delivery.organization_id = $1`
const select = `SELECT webhook_delivery.id, endpoint_id, event_id, event_type, resource_id, event_seq, state, webhook_delivery.trigger, replay_id, attempts,
    last.status AS last_status, last.error_class AS last_error_class, CASE WHEN state = 'pending' THEN due_at END AS due_at, created_at, finished_at
  FROM webhook_delivery LEFT JOIN webhook_attempt AS last ON last.delivery_id = webhook_delivery.id AND last.number = webhook_delivery.attempts WHERE ${mine}`
const values = (reach: EndpointReach, endpointId: string): unknown[] => [reach.organizationId, reach.projectId, reach.whole, endpointId]

/** Newest first. `after`: id of the last one seen. */
export async function listDeliveries (database: Queryable, reach: EndpointReach, endpointId: string, filter: DeliveryFilter): Promise<Page<DeliveryRow>> {
  const { rows } = await database.query<DeliveryRow>(
    `${select} AND ($5::text IS NULL OR (created_at, webhook_delivery.id) < (SELECT created_at, id FROM webhook_delivery WHERE ${mine} AND id = $5))
       AND ($6::text IS NULL OR state = $6) AND ($7::text[] IS NULL OR event_type LIKE ANY ($7)) AND ($8::text IS NULL OR event_id = $8) AND ($9::text IS NULL OR replay_id = $9)
       AND ($10::timestamptz IS NULL OR created_at >= $10) AND ($11::timestamptz IS NULL OR created_at < $11)
     ORDER BY created_at DESC, webhook_delivery.id DESC LIMIT $12`,
    [...values(reach, endpointId), filter.after ?? null, filter.state ?? null, filter.types === undefined ? null : likePatterns(filter.types), filter.eventId ?? null, filter.replayId ?? null,
      filter.since ?? null, filter.until ?? null, filter.limit + 1])
  return { data: rows.slice(0, filter.limit), hasMore: rows.length > filter.limit }
}

export async function readDelivery (database: Queryable, reach: EndpointReach, endpointId: string, id: string): Promise<DeliveryRow | null> {
  return await readRow(database, `${select} AND webhook_delivery.id = $5`, [...values(reach, endpointId), id])
}

/** Oldest first. `after`: number of the last one seen. */
export async function listAttempts (database: Queryable, reach: EndpointReach, endpointId: string, deliveryId: string, page: { readonly after: number, readonly limit: number }): Promise<Page<AttemptRow>> {
  const { rows } = await database.query<AttemptRow>(
    `SELECT number, webhook_attempt.trigger, url, address, status, error_class, error_message, timing, request, response, started_at
     FROM webhook_attempt JOIN webhook_delivery ON webhook_delivery.id = delivery_id WHERE ${mine} AND delivery_id = $5 AND number > $6 ORDER BY number LIMIT $7`,
    [...values(reach, endpointId), deliveryId, page.after, page.limit + 1])
  return { data: rows.slice(0, page.limit), hasMore: rows.length > page.limit }
}
