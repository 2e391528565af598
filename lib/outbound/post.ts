import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher } from 'undici'
import { joinSignal, leaveSignal } from '../providers/abort-groups.ts'
import type { Abortable } from '../providers/abort-groups.ts'
import { parseRetryAfter } from '../retry-after.ts'
import { toSafeHeaders, toSafeText } from './answer-text.ts'
import { ConnectFault } from './connect-fault.ts'
import type { Link, LinkedOptions } from './guarded-agent.ts'

export interface PostRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** ms from this call to the last byte that is read. */
  readonly deadline: number
  /** Bytes of the answer's body that are read at most. */
  readonly maxResponseBytes: number
  readonly signal: AbortSignal
}

export type PostErrorClass = 'dns' | 'ssrf_blocked' | 'connect' | 'tls' | 'timeout' | 'reset' | 'response'

/** What came of a POST. Times are whole ms. */
export interface PostOutcome {
  /** Of the answer; null = none came. */
  readonly status: number | null
  /** null = an answer's status and headers arrived, whatever became of its body afterwards. */
  readonly errorClass: PostErrorClass | null
  /** For the owner of the URL: no internals in it. */
  readonly errorMessage: string | null
  /** That was dialled; null = none was. */
  readonly address: string | null
  readonly timing: PostTiming
  /** ms that Retry-After asks to wait; null = it is missing, past, malformed or beyond 30 days. */
  readonly retryAfter: number | null
  /** The beginning of the body, fit for text and jsonb of Postgres. */
  readonly body: string
  /** Of the answer, in lower case; at most 32 names, 256 characters each, without cookies. */
  readonly headers: Readonly<Record<string, string>>
}

/** dns, connect and tls are null on a connection that served before, and where such a step was not needed or not reached. */
export interface PostTiming {
  readonly dns: number | null
  readonly connect: number | null
  readonly tls: number | null
  /** From the sending to the answer's headers. */
  readonly firstByte: number | null
  readonly total: number
}

const longestRetryAfter = 30 * 24 * 3_600_000

/**
 * POSTs once through an agent of createGuardedAgent. Whatever network and receiver do is an outcome. It rejects with the signal's reason when that
 * is aborted, with TypeError for a URL or headers that HTTP cannot carry, and when the agent was closed: none of these is the receiver's fault.
 */
export function post (agent: Dispatcher, request: PostRequest): Promise<PostOutcome> {
  return new Promise((resolve, reject) => {
    request.signal.throwIfAborted()
    const url = new URL(request.url)
    const call = new PostInFlight(request, resolve, reject)
    const options: LinkedOptions = { origin: url.origin, path: url.pathname + url.search, method: 'POST', headers: request.headers, body: request.body, call }
    agent.dispatch(options, call)
  })
}

const stopped = new Error('The call is over')

/** Dispatched by hand for its speed, as lib/providers/http-call.ts tells. */
class PostInFlight implements Dispatcher.DispatchHandler, Abortable {
  link: Link | null = null
  readonly #request: PostRequest
  readonly #resolve: (outcome: PostOutcome) => void
  readonly #reject: (reason: unknown) => void
  readonly #started = performance.now()
  readonly #timer: NodeJS.Timeout
  #controller: Dispatcher.DispatchController | null = null
  #fresh = true
  #sent = 0
  #firstByte: number | null = null
  #status: number | null = null
  #headers: IncomingHttpHeaders = {}
  readonly #chunks: Buffer[] = []
  #bytes = 0
  #settled = false

  constructor (request: PostRequest, resolve: (outcome: PostOutcome) => void, reject: (reason: unknown) => void) {
    this.#request = request
    this.#resolve = resolve
    this.#reject = reject
    this.#timer = setTimeout(expire, request.deadline, this)
    joinSignal(request.signal, this)
  }

  onRequestStart (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // over while it waited for a connection: it must not be sent
    if (this.#settled) {
      controller.abort(stopped)
      return
    }
    this.#sent = performance.now()
    const dial = this.link?.dial
    if (dial) {
      this.#fresh = !dial.served
      dial.served = true
    }
  }

  onResponseStart (_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return
    this.#firstByte = performance.now() - this.#sent
    this.#status = status
    this.#headers = headers
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return
    const room = this.#request.maxResponseBytes - this.#bytes
    this.#bytes += chunk.length
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk)
    if (chunk.length > room) this.#stop(null, null)
  }

  onResponseEnd (): void {
    this.#settle(null, null, false)
  }

  onResponseError (_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#settled) return
    const code = 'code' in error ? String(error.code) : ''
    if (this.#status !== null) this.#settle(null, null)
    else if (error instanceof ConnectFault) this.#settle(error.errorClass, error.message)
    else if (code === 'UND_ERR_INVALID_ARG') this.#fail(new TypeError('HTTP cannot carry this request', { cause: error }))
    else if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') this.#fail(error)
    else if (error.name === 'HTTPParserError' || code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') this.#settle('response', 'The answer is not HTTP, or its headers are too large.')
    else this.#settle('reset', 'The connection was closed before an answer came.')
  }

  abort (reason: unknown): void {
    if (this.#settled) return
    this.#fail(reason)
    this.#controller?.abort(stopped)
  }

  expire (): void {
    if (this.#status === null) this.#stop('timeout', `No answer within ${this.#request.deadline} ms.`)
    else this.#stop(null, null)
  }

  /** Ends the exchange where it stands; of HTTP/1.1 that is the end of its connection. */
  #stop (errorClass: PostErrorClass | null, message: string | null): void {
    this.#settle(errorClass, message)
    this.#controller?.abort(stopped)
  }

  #settle (errorClass: PostErrorClass | null, errorMessage: string | null, cut = true): void {
    if (this.#settled) return
    this.#end()
    this.#resolve({
      status: this.#status,
      errorClass,
      errorMessage,
      address: this.link?.dial?.address ?? null,
      timing: this.#timing(),
      retryAfter: readRetryAfter(this.#headers['retry-after']),
      body: this.#bytes === 0 ? '' : toSafeText(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks), cut),
      headers: toSafeHeaders(this.#headers)
    })
  }

  #timing (): PostTiming {
    const dial = this.#fresh ? this.link?.dial : null
    return {
      dns: whole(dial?.dns), connect: whole(dial?.connect), tls: whole(dial?.tls), firstByte: whole(this.#firstByte), total: Math.round(performance.now() - this.#started)
    }
  }

  #fail (reason: unknown): void {
    this.#end()
    this.#reject(reason)
  }

  #end (): void {
    this.#settled = true
    clearTimeout(this.#timer)
    leaveSignal(this.#request.signal, this)
  }
}

function expire (call: PostInFlight): void { call.expire() }

function whole (ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : Math.round(ms)
}

function readRetryAfter (value: string | string[] | undefined): number | null {
  const delay = parseRetryAfter((Array.isArray(value) ? value[0] : value) ?? null, Date.now())
  return delay === null || delay < 0 || delay > longestRetryAfter ? null : Math.ceil(delay)
}
