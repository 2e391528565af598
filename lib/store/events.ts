import type { JobEvent } from '../contracts/jobs.ts'
import type { Queryable } from './database.ts'

interface EventRow {
  readonly id: string
  readonly resource_id: string
  readonly seq: number
  readonly type: string
  readonly data: JobEvent['data']
  readonly created_at: Date
}

const columns = 'event.id, event.resource_id, event.seq, event.type, event.data, event.created_at'

/** A resource's events behind `seq`, oldest first. The caller has checked the owner. */
export async function readEventsAfter (database: Queryable, resourceId: string, seq: number, limit: number): Promise<JobEvent[]> {
  const { rows } = await database.query<EventRow>(
    `SELECT ${columns} FROM event WHERE resource_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, [resourceId, seq, limit])
  return rows.map(toEvent)
}

/** A stretch of one resource's events: `after` < seq ≤ `upTo`. */
export interface EventRange { readonly id: string, readonly after: number, readonly upTo: number }

/** The events of many stretches in one query, by resource and oldest first, at most `limit` of each stretch. */
export async function readEventRanges (database: Queryable, ranges: readonly EventRange[], limit: number): Promise<Map<string, JobEvent[]>> {
  const events = new Map(ranges.map(range => [range.id, [] as JobEvent[]]))
  if (ranges.length === 0) return events
  const { rows } = await database.query<EventRow>(
    `SELECT found.* FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS range (id, after, up_to)
     CROSS JOIN LATERAL (
       SELECT ${columns} FROM event
       WHERE resource_id = range.id AND seq > range.after AND seq <= range.up_to ORDER BY seq LIMIT $4
     ) AS found
     ORDER BY found.resource_id, found.seq`,
    [ranges.map(range => range.id), ranges.map(range => range.after), ranges.map(range => range.upTo), limit])
  for (const row of rows) events.get(row.resource_id)?.push(toEvent(row))
  return events
}

function toEvent (row: EventRow): JobEvent {
  return { id: row.id, job: row.resource_id, seq: row.seq, type: row.type, data: row.data, createdAt: row.created_at }
}
