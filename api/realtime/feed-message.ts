import type { FeedEvent } from '../../lib/contracts/webhooks.ts'
import { matchesPattern } from '../../lib/domain/event-types.ts'

/** An event as the lists, Socket.IO and SSE carry it. */
export interface FeedMessage {
  readonly id: string
  readonly type: string
  readonly project_id: string
  readonly resource_id: string
  /** Of the resource. */
  readonly seq: number
  /** Of the project's feed: what to give as `after`. */
  readonly feed_seq: number
  readonly data: FeedEvent['data']
  /** RFC 3339 */
  readonly created_at: string
}

export function toFeedMessage (event: FeedEvent): FeedMessage {
  return {
    id: event.id, type: event.type, project_id: event.projectId, resource_id: event.resourceId, seq: event.seq, feed_seq: event.feedSeq, data: event.data, created_at: event.createdAt.toISOString()
  }
}

/** The events of wanted types, as messages; types null = all. */
export function wantedMessages (events: readonly FeedEvent[], types: readonly string[] | null): FeedMessage[] {
  return events.filter(event => types === null || types.some(pattern => matchesPattern(pattern, event.type))).map(toFeedMessage)
}
