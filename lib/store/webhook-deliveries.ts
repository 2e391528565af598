import type { DeliveryTrigger, FeedEvent } from '../contracts/webhooks.ts'
import type { Queryable } from './database.ts'

/** A delivery whose next attempt is due, with what is needed to make it. */
export interface DueDelivery {
  readonly id: string
  readonly endpointId: string
  readonly trigger: DeliveryTrigger
  readonly round: number
  readonly tried: readonly string[]
  /** Attempts made so far. */
  readonly attempts: number
  readonly event: FeedEvent
}

export interface DueQuestion {
  readonly endpointId: string
  readonly most: number
  /** Whether the event's recorded data is needed: they may be long. */
  readonly full: boolean
}

interface DueRow {
  readonly id: string
  readonly endpoint_id: string
  readonly trigger: DeliveryTrigger
  readonly round: number
  readonly tried: string[]
  readonly attempts: number
  readonly event_id: string
  readonly organization_id: string
  readonly project_id: string
  readonly resource_id: string
  readonly event_seq: number
  readonly feed_seq: number
  readonly event_type: string
  readonly data: Record<string, unknown>
  readonly event_created_at: Date
}

/** The oldest due of every kind. */
const anyDue = `SELECT * FROM webhook_delivery AS delivery
  WHERE delivery.endpoint_id = question.endpoint_id AND delivery.state = 'pending' AND delivery.due_at <= now() ORDER BY delivery.due_at, delivery.id LIMIT question.most`
/** Of each resource only the first that has not ended. */
const headsDue = `SELECT * FROM (${headsOf('question.endpoint_id')}) AS delivery WHERE delivery.due_at <= now() ORDER BY delivery.due_at, delivery.id LIMIT question.most`

/** SQL: of an endpoint in ordered mode, what may be tried once it is due. */
export function headsOf (endpointId: string): string {
  return `SELECT DISTINCT ON (resource_id) * FROM webhook_delivery WHERE endpoint_id = ${endpointId} AND state = 'pending' ORDER BY resource_id, event_seq`
}

/** What is due at several endpoints, in one query. Endpoints in ordered mode have a question of their own: theirs takes longer. */
export async function readDue (database: Queryable, questions: readonly DueQuestion[], { ordered }: { ordered: boolean }): Promise<DueDelivery[]> {
  const { rows } = await database.query<DueRow>(
    `SELECT due.id, due.endpoint_id, due.trigger, due.round, due.tried, due.attempts, due.event_id, due.organization_id, due.project_id, due.resource_id, due.event_seq, due.event_type,
       event.feed_seq, event.created_at AS event_created_at, CASE WHEN question.full_payload THEN event.data ELSE '{}' END AS data
     FROM unnest($1::text[], $2::int[], $3::boolean[]) AS question (endpoint_id, most, full_payload)
     CROSS JOIN LATERAL (${ordered ? headsDue : anyDue}) AS due
     JOIN event ON event.id = due.event_id`,
    [questions.map(question => question.endpointId), questions.map(question => question.most), questions.map(question => question.full)])
  return rows.map(toDueDelivery)
}

function toDueDelivery (row: DueRow): DueDelivery {
  return {
    id: row.id,
    endpointId: row.endpoint_id,
    trigger: row.trigger,
    round: row.round,
    tried: row.tried,
    attempts: row.attempts,
    event: {
      id: row.event_id,
      organizationId: row.organization_id,
      projectId: row.project_id,
      resourceId: row.resource_id,
      seq: row.event_seq,
      feedSeq: row.feed_seq,
      type: row.event_type,
      data: row.data,
      createdAt: row.event_created_at
    }
  }
}
