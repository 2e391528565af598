import type { PassThrough } from 'node:stream'
import type { Tenant } from '../../lib/contracts/jobs.ts'
import type { EventFeed } from './event-feed.ts'
import { wantedMessages } from './feed-message.ts'
import { createSseStream, sseMessage } from './sse-stream.ts'

/**
 * A project's events as server-sent events, behind the place `after`, without an end. Every message's id is a place to resume from;
 * the first and the heartbeats carry one too, so that who waits for rare types does not come back to places long past.
 */
export function createFeedStream (feed: EventFeed, tenant: Tenant, after: number, types: readonly string[] | null): PassThrough {
  let place = after
  const here = (): string => `id: ${place}\n: still here\n\n`
  const { stream, whenTaken, feedBy } = createSseStream(here)
  stream.write(here())
  feedBy(() => feed.subscribe(tenant, after, update => {
    if (!stream.writable) return
    for (const message of wantedMessages(update.events, types)) stream.write(sseMessage(message.feed_seq, message.type, message))
    place = update.place
    return whenTaken()
  }))
  return stream
}
