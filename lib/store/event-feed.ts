import type { Tenant } from '../contracts/jobs.ts'
import type { FeedEvent } from '../contracts/webhooks.ts'
import type { PageQuery } from './admin-rows.ts'
import type { Queryable } from './database.ts'

/** Days that events can be read back. */
export const eventDays = 30

interface EventRow {
  readonly id: string, readonly organization_id: string, readonly project_id: string, readonly resource_id: string
  readonly seq: number, readonly feed_seq: number, readonly type: string, readonly data: FeedEvent['data'], readonly created_at: Date
}

const columns = 'event.id, event.organization_id, event.project_id, event.resource_id, event.seq, event.feed_seq, event.type, event.data, event.created_at'
/** An event without a place in the feed has not been fanned out; a reader who saw it now would see it out of order. */
const readable = `event.feed_seq IS NOT NULL AND event.created_at > now() - interval '${eventDays} days'`

/** How far the feeds of some projects are, in the order given; 0 = there has been no event. */
export async function readFeedPlaces (database: Queryable, tenants: readonly Tenant[]): Promise<number[]> {
  const { rows } = await database.query<{ last: number }>(
    `SELECT coalesce(event_feed.last, 0) AS last FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (organization_id, project_id, number)
     LEFT JOIN event_feed USING (organization_id, project_id) ORDER BY wanted.number`,
    [tenants.map(tenant => tenant.organizationId), tenants.map(tenant => tenant.projectId)])
  return rows.map(row => row.last)
}

/** A stretch of one project's feed: `after` < feed_seq ≤ `upTo`. */
export interface FeedRange { readonly tenant: Tenant, readonly after: number, readonly upTo: number }

/** The events of some stretches in one query, each oldest first and of at most `limit`. Below `upTo` places may be missing: events are deleted with their job, or by age. */
export async function readFeedRanges (database: Queryable, ranges: readonly FeedRange[], limit: number): Promise<FeedEvent[][]> {
  const events: FeedEvent[][] = ranges.map(() => [])
  if (ranges.length === 0) return events
  const { rows } = await database.query<EventRow & { number: number }>(
    `SELECT range.number, found.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) WITH ORDINALITY AS range (organization_id, project_id, after, up_to, number)
     CROSS JOIN LATERAL (
       SELECT ${columns} FROM event WHERE event.organization_id = range.organization_id AND event.project_id = range.project_id
         AND event.feed_seq > range.after AND event.feed_seq <= range.up_to ORDER BY event.feed_seq LIMIT $5
     ) AS found ORDER BY range.number, found.feed_seq`,
    [ranges.map(({ tenant }) => tenant.organizationId), ranges.map(({ tenant }) => tenant.projectId), ranges.map(({ after }) => after), ranges.map(({ upTo }) => upTo), limit])
  for (const row of rows) events[row.number - 1]!.push(toFeedEvent(row))
  return events
}

/** Whose events: one project's, or (projectId null) those of all projects of an organization and of the organization itself. */
export interface EventReach { readonly organizationId: string, readonly projectId: string | null }

export interface EventFilter extends PageQuery {
  /** Event types and wildcards; absent = all. */
  readonly types?: readonly string[]
  readonly resourceId?: string
  readonly since?: Date
  readonly until?: Date
}

/**
 * Events of the last 30 days, newest first. `after` is the id of the last one seen: a page goes on behind its place in the project's
 * feed, or, over a whole organization, which has no common feed, behind its time.
 */
export async function listEvents (database: Queryable, reach: EventReach, filter: EventFilter): Promise<{ data: FeedEvent[], hasMore: boolean }> {
  const order = reach.projectId === null ? ['created_at', 'id'] : ['feed_seq']
  const place = order.map(column => `event.${column}`).join(', ')
  const { rows } = await database.query<EventRow>(
    `SELECT ${columns} FROM event WHERE event.organization_id = $1 AND ($2::text IS NULL OR event.project_id = $2) AND ${readable}
       AND ($3::text IS NULL OR (${place}) < (SELECT ${order.join(', ')} FROM event WHERE id = $3 AND organization_id = $1 AND ($2::text IS NULL OR project_id = $2)))
       AND ($4::text[] IS NULL OR event.type LIKE ANY ($4)) AND ($5::text IS NULL OR event.resource_id = $5)
       AND ($6::timestamptz IS NULL OR event.created_at >= $6) AND ($7::timestamptz IS NULL OR event.created_at < $7)
     ORDER BY ${order.map(column => `event.${column} DESC`).join(', ')} LIMIT $8`,
    [reach.organizationId, reach.projectId, filter.after ?? null, filter.types === undefined ? null : likePatterns(filter.types), filter.resourceId ?? null,
      filter.since ?? null, filter.until ?? null, filter.limit + 1])
  return { data: rows.slice(0, filter.limit).map(toFeedEvent), hasMore: rows.length > filter.limit }
}

/** null = there is none of the id in reach, it is older than 30 days, or it has no place in the feed yet. */
export async function readEvent (database: Queryable, reach: EventReach, id: string): Promise<FeedEvent | null> {
  const { rows: [row] } = await database.query<EventRow>(
    `SELECT ${columns} FROM event WHERE event.id = $1 AND event.organization_id = $2 AND ($3::text IS NULL OR event.project_id = $3) AND ${readable}`, [id, reach.organizationId, reach.projectId])
  return row === undefined ? null : toFeedEvent(row)
}

/** Event types and wildcards (lib/domain/event-types.ts) as patterns of LIKE, in which `_` and `%` have a meaning of their own. */
export function likePatterns (patterns: readonly string[]): string[] {
  return patterns.map(pattern => pattern.replace(/[\\%_]/g, '\\$&').replace(/\*$/, '%'))
}

function toFeedEvent (row: EventRow): FeedEvent {
  return {
    id: row.id, organizationId: row.organization_id, projectId: row.project_id, resourceId: row.resource_id, seq: row.seq, feedSeq: row.feed_seq, type: row.type, data: row.data, createdAt: row.created_at
  }
}
