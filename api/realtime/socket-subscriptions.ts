import type { Pool } from 'pg'
import type { Socket } from 'socket.io'
import type { Caller, JobKind } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import { toProgress } from '../../lib/domain/progress.ts'
import { SiraError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { readEventRanges } from '../../lib/store/events.ts'
import { readJob } from '../../lib/store/jobs.ts'
import { jobScopes } from '../core/job-scopes.ts'
import { requireScope } from '../plugins/authentication.ts'
import { toEventMessage } from './event-message.ts'
import type { JobFeed, JobUpdate } from './job-feed.ts'
import { parseJob, parseSubscribe, type ClientMessages, type Refusal, type ServerMessages, type Subscribed } from './socket-messages.ts'
import { createOutlet } from './socket-outlet.ts'
import { refusalOf } from './refusal.ts'

export type JobSocket = Socket<ClientMessages, ServerMessages, Record<string, never>, { caller: Caller }>

const MOST_SUBSCRIPTIONS = 100
/** In one acknowledgement; what is beyond follows as `event` messages. */
const MOST_MISSED_EVENTS = 200

/**
 * Answers a connected client's `subscribe` and `unsubscribe`. Clients name jobs, never rooms: each subscription is checked
 * for its owner and the scope of its kind, and then fed from its own place, so that nothing is told twice or left out. It ends with the job.
 * Returns a check that throws `insufficient_scope` when the caller lacks the scope of a job that is followed.
 */
export function serveSubscriptions (socket: JobSocket, { feed, pool, log }: { feed: JobFeed, pool: Pool, log: Pick<Logger, 'error'> }): (caller: Caller) => void {
  const stops = new Map<string, () => void>()
  const followed = new Map<string, JobKind>()
  const whenSent = createOutlet(socket.conn)
  let opening = 0

  async function open (request: unknown): Promise<Subscribed> {
    const { job: id, after } = parseSubscribe(request)
    stops.get(id)?.()
    if (stops.size >= MOST_SUBSCRIPTIONS || opening >= MOST_SUBSCRIPTIONS) {
      throw new SiraError('invalid_request', { reason: `A connection can subscribe to at most ${MOST_SUBSCRIPTIONS} jobs at a time.` })
    }
    let stopped = false
    let unsubscribe: (() => void) | undefined
    const stop = (): void => {
      stopped = true
      unsubscribe?.()
      if (stops.get(id) !== stop) return
      stops.delete(id)
      followed.delete(id)
    }
    stops.set(id, stop)
    opening++
    try {
      const job = await readJob(pool, socket.data.caller, id)
      if (job === null) throw new SiraError('not_found', { resource: 'job', id })
      requireScope(socket.data, jobScopes[job.kind])
      const events = (await readEventRanges(pool, [{ id, after, upTo: job.seq }], MOST_MISSED_EVENTS)).get(id)!
      if (stopped) throw new SiraError('invalid_request', { reason: 'This subscription was replaced or ended before it began.' })
      const told = events.length === MOST_MISSED_EVENTS ? events.at(-1)!.seq : job.seq
      if (isTerminal(job.state) && told === job.seq) {
        stop()
      } else {
        unsubscribe = feed.subscribe(id, told, update => tell(update, stop))
        followed.set(id, job.kind)
      }
      return { ok: true, events: events.map(toEventMessage), progress: toProgress(job) }
    } catch (error) {
      stop()
      throw error
    } finally {
      opening--
    }
  }

  function tell (update: JobUpdate | null, stop: () => void): Promise<void> | undefined {
    for (const event of update?.events ?? []) socket.emit('event', toEventMessage(event))
    const job = update?.record
    if (job) socket.emit('progress', toProgress(job))
    if (update === null || (job && isTerminal(job.state))) stop()
    return whenSent()
  }

  socket.on('subscribe', (request, answer) => {
    if (typeof answer !== 'function') return
    open(request).then(subscribed => { answer(subscribed) }, (error: unknown) => { answer(refusalOf(error, log)) })
  })
  socket.on('unsubscribe', (request, answer) => {
    let result: { ok: true } | Refusal = { ok: true }
    try {
      stops.get(parseJob(request))?.()
    } catch (error) {
      result = refusalOf(error, log)
    }
    if (typeof answer === 'function') answer(result)
  })
  socket.on('disconnect', () => { for (const stop of [...stops.values()]) stop() })
  return caller => { for (const kind of followed.values()) requireScope({ caller }, jobScopes[kind]) }
}
