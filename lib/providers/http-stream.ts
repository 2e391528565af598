import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher, Pool } from 'undici'
import { changeFailure } from './change-failure.ts'
import { ownFailure } from './failure-messages.ts'
import { CallInFlight, dispatch, refuseAborted, stopped } from './http-call.ts'
import type { HttpAnswer, HttpCall } from './http-call.ts'
import { createSseParser } from './sse-parser.ts'
import type { SseParser } from './sse-parser.ts'
import { ProviderFailure } from './types.ts'
import type { StreamEvent } from './types.ts'

/** more = go on; pause = read no further until `resume` is called; end = the protocol's last event was among these. */
export type Verdict = 'more' | 'pause' | 'end'

export interface HttpStreamCall extends HttpCall {
  /** ms without a byte, after the first of the body; not while paused. */
  readonly idleTimeout: number
  /** Takes the events that arrived together; `wire` as in StreamSink. What it throws ends the call and is what the call rejects with. */
  readonly accept: (events: readonly StreamEvent[], resume: () => void, wire: string | null) => Verdict
}

/** Characters of one event; the last event of a response holds all of it, images too. */
const longestEvent = 16 * 1024 * 1024
/** ms and bytes the body may go on after its last event, so that its connection can serve again. */
const longestTail = 1_000
const mostTailBytes = 64 * 1024

/**
 * POSTs and reads a 2xx answer of Server-Sent Events as it comes. Resolves, with an empty text, when `accept` said end or the body ended
 * (whether the protocol's end came is for the caller to know). An answer of another kind is collected as in `post`.
 */
export function stream (pool: Pool, call: HttpStreamCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    if (!refuseAborted(call, reject)) dispatch(pool, call, new StreamInFlight(call, resolve, reject))
  })
}

class StreamInFlight extends CallInFlight {
  readonly #accept: HttpStreamCall['accept']
  readonly #idleTimeout: number
  readonly #resume: () => void
  #parser: SseParser | null = null
  #idle: NodeJS.Timeout | null = null
  #fedAt = 0
  #resumed = false
  #paused = false
  #tail: NodeJS.Timeout | null = null

  constructor (call: HttpStreamCall, resolve: (answer: HttpAnswer) => void, reject: (failure: Error) => void) {
    super(call, resolve, reject)
    this.#accept = call.accept
    this.#idleTimeout = call.idleTimeout
    this.#resume = () => { this.#goOn() }
  }

  override onResponseStart (controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    super.onResponseStart(controller, statusCode, headers)
    if (statusCode < 200 || statusCode >= 300 || !isEventStream(headers['content-type'])) return
    this.#parser = createSseParser(Math.min(longestEvent, this.maxBytes))
  }

  override onResponseData (controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#parser === null) {
      super.onResponseData(controller, chunk)
      return
    }
    this.bytes += chunk.length
    if (this.#tail !== null) {
      if (this.bytes > mostTailBytes) controller.abort(stopped)
      return
    }
    if (this.settled) return
    if (this.bytes > this.maxBytes) {
      this.stop(ownFailure('answer_too_large', false, this.told()))
      return
    }
    this.#fedAt = performance.now() // to renew the timer for each chunk costs five times as much
    this.#idle ??= setTimeout(expire, this.#idleTimeout, this)
    const verdict = this.#give(this.#parser, chunk)
    if (verdict === 'pause' && !this.#resumed) {
      this.#paused = true
      clearTimeout(this.#idle)
      this.#idle = null
      controller.pause()
    } else if (verdict === 'end') {
      this.answer()
      this.bytes = 0
      this.#tail = setTimeout(stopTail, longestTail, controller)
    }
  }

  override onResponseEnd (): void {
    if (this.#tail !== null) {
      clearTimeout(this.#tail)
      return
    }
    if (this.#parser !== null && !this.settled) this.#give(this.#parser, null)
    super.onResponseEnd()
  }

  override onResponseError (controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#tail !== null) clearTimeout(this.#tail)
    super.onResponseError(controller, error)
  }

  protected override settle (): void {
    super.settle()
    if (this.#idle !== null) clearTimeout(this.#idle)
  }

  /** A process that was held up runs its timers before it reads: what came meanwhile waits in the socket, and is read within one turn. */
  expireUnlessFed (): void {
    const left = this.#fedAt + this.#idleTimeout - performance.now()
    if (left > 0) {
      this.#idle = setTimeout(expire, left, this)
      return
    }
    const { bytes } = this
    setImmediate(() => {
      if (this.settled || this.#paused) return
      if (this.bytes === bytes) this.expire()
      else this.#idle = setTimeout(expire, this.#idleTimeout, this)
    })
  }

  /** What `accept` makes of the events in these bytes, or of those left at the end; null when it failed and the call is over. */
  #give (parser: SseParser, chunk: Buffer | null): Verdict | null {
    try {
      const events = chunk === null ? parser.end() : parser.push(chunk)
      if (events.length === 0) return 'more'
      this.#resumed = false
      return this.#accept(events, this.#resume, chunk === null ? null : parser.wire())
    } catch (error) {
      this.stop(error instanceof ProviderFailure && error.requestId === null ? changeFailure(error, this.told()) : error as Error)
      return null
    }
  }

  #goOn (): void {
    // it may be called before `accept` has returned, and after the call is over
    this.#resumed = true
    if (!this.#paused || this.settled) return
    this.#paused = false
    this.#fedAt = performance.now()
    this.#idle = setTimeout(expire, this.#idleTimeout, this)
    this.controller?.resume()
  }
}

function isEventStream (contentType: string | string[] | undefined): boolean {
  return typeof contentType === 'string' && /^\s*text\/event-stream\b/i.test(contentType)
}

function expire (call: StreamInFlight): void { call.expireUnlessFed() }

function stopTail (controller: Dispatcher.DispatchController): void { controller.abort(stopped) }
