import type { BatchEndpoint } from '../contracts/batch-input.ts'
import type { Usage } from '../contracts/prices.ts'

/** A wire format, named by the path that speaks it: OpenAI's, and Anthropic's messages. */
export type Endpoint = BatchEndpoint | '/v1/messages'

/** One call to a provider: JSON in, JSON out. */
export interface ProviderRequest {
  readonly endpoint: Endpoint
  /** The request body as JSON text or bytes, with the model's upstream name already in it. */
  readonly body: string | Buffer
  /** The same body parsed, where the caller has it, so that an adapter that translates need not parse it again. */
  readonly parsed?: Readonly<Record<string, unknown>> | undefined
  /**
   * The body in the provider's own words already, for a large one that was translated off the event loop. It is sent as it is;
   * `parsed` then has stand-ins for its bulk and `body` is empty.
   */
  readonly wire?: Buffer | undefined
  /** What the caller asked for in the header `anthropic-beta`; sent on where the endpoint is /v1/messages. */
  readonly anthropicBeta?: string | undefined
  /** Sent as X-Client-Request-Id; the simulator's log shows it. At most 512 ASCII characters. */
  readonly clientRequestId: string
  /** Aborts the call; the promise then rejects with a ProviderFailure of code `aborted`. */
  readonly signal?: AbortSignal
  /** ms, total deadline from the start of the call to the last byte of the answer. */
  readonly timeout: number
  /** Bytes. A longer answer is cut off and becomes `answer_too_large`. */
  readonly maxAnswerBytes: number
}

/** A 2xx answer with a JSON object in it. */
export interface ProviderAnswer {
  readonly statusCode: number
  /** The provider's own request id, where it sent one. */
  readonly requestId: string | null
  /** The answer as JSON text; as it came, line breaks and all, from a provider that speaks the dialect of the endpoint. */
  readonly body: string
  /** null when the answer carries no usage, as moderations do. */
  readonly usage: Usage | null
}

/** One event of a stream: the text after `event:` (null = none, as in chat) and after `data:` (JSON, one line). */
export interface StreamEvent {
  readonly name: string | null
  readonly data: string
}

export interface ProviderStreamRequest extends ProviderRequest {
  /** ms without a byte, after the first, before the stream is given up as a `timeout`. */
  readonly idleTimeout: number
  readonly sink: StreamSink
}

/**
 * Where a stream goes, event by event in the dialect of the endpoint, without the terminal `[DONE]`, and for chat and
 * completions without the chunk that only carries usage: that is in the outcome. Events that arrive together come together.
 */
export interface StreamSink {
  /**
   * false = stop reading until `resume` is called: the reader is slower than the provider. `wire` = exactly these events as text,
   * where they can go on as they came: to put them together again costs about a tenth of a stream's CPU (by profile of what is allocated).
   */
  events: (events: readonly StreamEvent[], resume: () => void, wire?: string | null) => boolean
}

/** A stream that came to its protocol's end; any other end rejects. */
export interface StreamOutcome {
  readonly requestId: string | null
  readonly usage: Usage | null
  /** The chunk with usage (`choices: []`) as JSON text, for a client that asked for it; null for dialects that have none. */
  readonly usageEvent: string | null
}

/** A provider account. Resolves with the answer or rejects with a ProviderFailure; never retries by itself. */
export interface Provider {
  readonly name: string
  /** The wire formats it takes, natively or by translation in its adapter. */
  readonly endpoints: ReadonlySet<Endpoint>
  call: (request: ProviderRequest) => Promise<ProviderAnswer>
  /**
   * The body says `stream: true`; the adapter asks for usage whether it does or not. Rejects with a ProviderFailure also after
   * events have gone to the sink; its partialUsage is then what the provider had told by then.
   */
  stream: (request: ProviderStreamRequest) => Promise<StreamOutcome>
  close: () => Promise<void>
}

export const failureCodes = [
  'invalid_request', 'authentication', 'permission', 'not_found', 'request_timeout', 'conflict', 'unprocessable',
  'rate_limited', 'quota_exceeded', 'server_error', 'overloaded', 'connection_reset', 'connection_failed', 'timeout',
  'answer_cut', 'answer_invalid', 'answer_too_large', 'unexpected_status', 'aborted', 'content_filter', 'context_length'
] as const
export type FailureCode = typeof failureCodes[number]

/** What one classifier makes of everything that can go wrong with a call. */
export interface FailureClass {
  readonly code: FailureCode
  readonly retryable: boolean
  /** true for rate limits and overload: waiting is expected, so these do not use up a row's attempts. */
  readonly throttled: boolean
  /** ms the provider asked to wait; null = it did not say. */
  readonly retryAfter: number | null
}

/** A call that gave no usable answer. `message` is scrubbed of keys and safe to show to the caller. */
export class ProviderFailure extends Error {
  readonly class: FailureClass
  readonly statusCode: number | null
  readonly requestId: string | null
  /** The provider's error body as JSON text on one line, bounded and scrubbed; null when there was none. */
  readonly body: string | null
  /** Of a stream that was cut: what the provider had told of its usage. */
  readonly partialUsage: Usage | null
  /** Of a call without an answer: whether it had come as far as a connection, so that the provider may have been at work on it, and bill it. */
  readonly sent: boolean

  constructor (message: string, failure: { class: FailureClass, statusCode?: number | null, requestId?: string | null, body?: string | null, partialUsage?: Usage | null, sent?: boolean, cause?: unknown }) {
    super(message, failure.cause === undefined ? undefined : { cause: failure.cause })
    this.name = 'ProviderFailure'
    this.class = failure.class
    this.statusCode = failure.statusCode ?? null
    this.requestId = failure.requestId ?? null
    this.body = failure.body ?? null
    this.partialUsage = failure.partialUsage ?? null
    this.sent = failure.sent ?? false
  }
}
