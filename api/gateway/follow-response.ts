import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { responseErrorEvent } from '../../lib/dialects/responses/index.ts'
import type { SiraError } from '../../lib/errors.ts'
import { isUnfinished, readResponseEvents } from '../../lib/store/responses.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import type { Dependencies } from '../dependencies.ts'
import { keyOf, requireCaller } from '../plugins/authentication.ts'
import type { KeyWatch } from '../realtime/key-watch.ts'
import { abortOnLeave, createSseReply, type SseReply } from './sse-reply.ts'

/** ms between looks for new events. */
const lookEvery = 100
/** Events read at once. */
const page = 500
/** ms without an event after which a comment keeps the connection from looking dead. */
const keepAlive = 15_000

export interface Followed { readonly id: string, readonly after: number }

/** What ends a stream before its last event. `draining` is aborted with the error when the process shuts down. */
export interface StreamEnds { readonly keys: KeyWatch, readonly draining: AbortSignal }

/**
 * Streams the events of a stored background response after number `after`, until its last, or until the caller's key ends or the process
 * drains, which is told as an error. Leaving cancels nothing.
 */
export async function followResponse (dependencies: Pick<Dependencies, 'pool'>, { keys, draining }: StreamEnds, request: FastifyRequest, reply: FastifyReply, { id, after }: Followed): Promise<FastifyReply> {
  const refused = new AbortController()
  const ended = AbortSignal.any([refused.signal, draining])
  const left = AbortSignal.any([abortOnLeave(request), ended])
  const unwatch = keys.watch(keyOf(request.headers)!, caller => { requireCaller(caller, 'inference', request.ip) }, reason => { refused.abort(reason) })
  const stream = createSseReply(request, reply)
  reply.raw.shouldKeepAlive = false // else the connection would outlive a stream that ends by draining, and hold up its end
  stream.begin([])
  try {
    const seen = await follow(dependencies, reply, stream, left, id, after)
    stream.end(ended.aborted ? errorText(ended.reason as SiraError, seen) : '')
  } catch (error) {
    // cut off rather than ended: the reader comes again with starting_after
    if (!left.aborted) request.log.error({ err: error }, 'stream failed')
    reply.raw.destroy()
  } finally {
    unwatch()
  }
  return reply
}

/** With the number of the last event, so that who goes on behind it, with another key or elsewhere, misses none. */
function errorText ({ code, message }: SiraError, seen: number): string {
  const { name, data } = responseErrorEvent(code, message, Math.max(0, seen))
  return `event: ${name}\ndata: ${data}\n\n`
}

/** Resolves with the number of the last event that was written. */
async function follow ({ pool }: Pick<Dependencies, 'pool'>, reply: FastifyReply, stream: SseReply, left: AbortSignal, id: string, after: number): Promise<number> {
  let seen = after
  let wroteAt = performance.now()
  while (!left.aborted) {
    // the state before the events: when it is an end, all events are there
    const unfinished = await throughOutage(async () => await isUnfinished(pool, id), { signal: left })
    const events = await throughOutage(async () => await readResponseEvents(pool, id, seen, page), { signal: left })
    if (events.length > 0) {
      seen = events.at(-1)!.sequenceNumber
      wroteAt = performance.now()
      if (!stream.write(events.map(({ data }) => ({ name: (JSON.parse(data) as { type: string }).type, data })), () => {})) {
        await once(reply.raw, 'drain', { signal: left }).catch(() => {}) // left: the loop ends
      }
    } else if (!unfinished) {
      break
    }
    if (performance.now() - wroteAt > keepAlive) {
      wroteAt = performance.now()
      stream.comment('waiting')
    }
    if (events.length < page) await sleep(lookEvery, undefined, { signal: left }).catch(() => {}) // left: the loop ends
  }
  return seen
}
