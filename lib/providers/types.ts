import type { BatchEndpoint } from '../contracts/batch-input.ts'
import type { Usage } from '../contracts/prices.ts'

/** One unary call to a provider: JSON in, JSON out. */
export interface ProviderRequest {
  readonly endpoint: BatchEndpoint
  /** The request body as JSON text or bytes, with the model's upstream name already in it. */
  readonly body: string | Buffer
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
  /** The answer as JSON text on one line. */
  readonly body: string
  /** null when the answer carries no usage, as moderations do. */
  readonly usage: Usage | null
}

/** A provider account. Resolves with the answer or rejects with a ProviderFailure; never retries by itself. */
export interface Provider {
  readonly name: string
  call: (request: ProviderRequest) => Promise<ProviderAnswer>
  close: () => Promise<void>
}

export const failureCodes = [
  'invalid_request', 'authentication', 'permission', 'not_found', 'request_timeout', 'conflict', 'unprocessable',
  'rate_limited', 'quota_exceeded', 'server_error', 'overloaded', 'connection_reset', 'connection_failed', 'timeout',
  'answer_cut', 'answer_invalid', 'answer_too_large', 'unexpected_status', 'aborted'
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

  constructor (message: string, failure: { class: FailureClass, statusCode?: number | null, requestId?: string | null, body?: string | null, cause?: unknown }) {
    super(message, failure.cause === undefined ? undefined : { cause: failure.cause })
    this.name = 'ProviderFailure'
    this.class = failure.class
    this.statusCode = failure.statusCode ?? null
    this.requestId = failure.requestId ?? null
    this.body = failure.body ?? null
  }
}
