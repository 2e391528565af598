import type { Pool } from 'pg'
import { SiraError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { readFeedPlaces, readFeedRanges } from '../../lib/store/event-feed.ts'
import type { EventFeed } from './event-feed.ts'
import { wantedMessages } from './feed-message.ts'
import { refusalOf } from './refusal.ts'
import { parseFeedSubscribe, type FeedSubscribed } from './socket-messages.ts'
import { createOutlet } from './socket-outlet.ts'
import type { JobSocket } from './socket-subscriptions.ts'

/** In one acknowledgement; what is beyond follows as `event` messages. */
const MOST_MISSED_EVENTS = 200
/** Requests being answered; more than one at a time is a client that does not wait. */
const MOST_OPENING = 10

/**
 * Answers a connected client's `subscribe` and `unsubscribe` with the events of its key's project. A connection has one subscription;
 * another `subscribe` replaces it. The missed events are in the answer, and every event once and in order from there on.
 */
export function serveFeedSubscription (socket: JobSocket, { feed, pool, log }: { feed: EventFeed, pool: Pool, log: Pick<Logger, 'error'> }): void {
  const { caller } = socket.data
  const whenSent = createOutlet(socket.conn)
  let opening = 0
  /** Of the newest request; an older one that is still being answered has lost. */
  let current = {}
  let unsubscribe = (): void => {}

  const stop = (): void => {
    current = {}
    unsubscribe()
    unsubscribe = () => {}
  }

  async function open (request: unknown): Promise<FeedSubscribed> {
    const { after, types } = parseFeedSubscribe(request)
    if (opening >= MOST_OPENING) throw new SiraError('invalid_request', { reason: `At most ${MOST_OPENING} requests to subscribe can wait for their answer.` })
    stop()
    const mine = current
    opening++
    try {
      const [last] = await readFeedPlaces(pool, [caller]) as [number]
      const from = Math.min(after ?? last, last)
      const [missed] = await readFeedRanges(pool, [{ tenant: caller, after: from, upTo: last }], MOST_MISSED_EVENTS)
      if (current !== mine) throw new SiraError('invalid_request', { reason: 'This subscription was replaced or ended before it began.' })
      const told = missed!.length === MOST_MISSED_EVENTS ? missed!.at(-1)!.feedSeq : last
      unsubscribe = feed.subscribe(caller, told, update => {
        for (const message of wantedMessages(update.events, types)) socket.emit('event', message)
        return whenSent()
      })
      return { ok: true, events: wantedMessages(missed!, types), after: told }
    } finally {
      opening--
    }
  }

  socket.on('subscribe', (request, answer) => {
    if (typeof answer !== 'function') return
    open(request).then(subscribed => { answer(subscribed) }, (error: unknown) => { answer(refusalOf(error, log)) })
  })
  socket.on('unsubscribe', (_request, answer) => {
    stop()
    if (typeof answer === 'function') answer({ ok: true })
  })
  socket.on('disconnect', stop)
}
