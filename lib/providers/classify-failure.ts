import { decimal, parseRetryAfter } from '../retry-after.ts'
import type { FailureClass, FailureCode } from './types.ts'

/** What of an answer decides how its failure is treated. Header values as received, null where absent. */
export interface FailedAnswer {
  readonly statusCode: number
  readonly retryAfter: string | null
  readonly retryAfterMs: string | null
  readonly shouldRetry: string | null
  /** `error.code` and `error.type` of the body, where it is JSON in OpenAI's envelope. */
  readonly errorCode: string | number | null
  readonly errorType: string | null
}

type Kind = readonly [code: FailureCode, retryable: boolean, throttled: boolean]

const refused: Kind = ['invalid_request', false, false]
const rateLimited: Kind = ['rate_limited', true, true]
const quotaExceeded: Kind = ['quota_exceeded', false, false]
const overloaded: Kind = ['overloaded', true, true]
const serverError: Kind = ['server_error', true, false]
const contextLength: Kind = ['context_length', false, false]
const contentFilter: Kind = ['content_filter', false, false]

const byStatus: Readonly<Record<number, Kind>> = {
  401: ['authentication', false, false],
  402: quotaExceeded,
  403: ['permission', false, false],
  404: ['not_found', false, false],
  408: ['request_timeout', true, false],
  409: ['conflict', true, false],
  422: ['unprocessable', false, false],
  429: rateLimited,
  // not implemented, HTTP version not supported: the same request cannot fare better
  501: ['server_error', false, false],
  // 503 says by definition (RFC 9110) that it is temporary, and 529 is Anthropic's word for the same
  503: overloaded,
  505: ['server_error', false, false],
  529: overloaded
}

/** `error.code` and `error.type` values that say more than the status: OpenAI's, Anthropic's and what compatible servers copied. */
const byName: Readonly<Record<string, Kind>> = {
  insufficient_quota: quotaExceeded,
  quota_exceeded: quotaExceeded,
  access_terminated: quotaExceeded,
  rate_limit_exceeded: rateLimited,
  rate_limit_error: rateLimited,
  slow_down: overloaded,
  server_is_overloaded: overloaded,
  overloaded_error: overloaded,
  overloaded,
  service_unavailable_error: overloaded,
  invalid_request_error: refused,
  invalid_prompt: refused,
  context_length_exceeded: contextLength,
  content_filter: contentFilter,
  content_policy_violation: contentFilter,
  authentication_error: byStatus[401]!,
  invalid_api_key: byStatus[401]!,
  API_KEY_INVALID: byStatus[401]!,
  permission_error: byStatus[403]!,
  not_found_error: byStatus[404]!,
  model_not_found: byStatus[404]!,
  server_error: serverError,
  api_error: serverError
}

/** Classifies an answer that is no success. `now` is the wall clock in ms, for a Retry-After that is a date. */
export function classifyAnswer (answer: FailedAnswer, now: number): FailureClass {
  const [code, byDefault, throttled] = kindOf(answer)
  const retryable = answer.shouldRetry === 'true' || (answer.shouldRetry !== 'false' && byDefault)
  return { code, retryable, throttled: throttled && retryable, retryAfter: readRetryAfter(answer, now) }
}

function kindOf (answer: FailedAnswer): Kind {
  const { statusCode } = answer
  const named = byError(answer)
  if (statusCode < 300) {
    // some gateways put the upstream's failure into a 200, with its status as the code
    const status = /^[45]\d\d$/.test(String(answer.errorCode)) ? Number(answer.errorCode) : null
    return status === null ? named ?? serverError : kindOf({ ...answer, statusCode: status })
  }
  if (statusCode < 400) return ['unexpected_status', false, false]
  if ((named === quotaExceeded || named === contextLength || named === contentFilter) && statusCode < 500) return named
  // Gemini refuses a key with 400, others with 403
  if (named !== undefined && named === byStatus[401] && statusCode < 404) return named
  if (named === overloaded && (statusCode === 429 || statusCode >= 500)) return overloaded
  return byStatus[statusCode] ?? (statusCode >= 500 ? serverError : refused)
}

function byError ({ errorCode, errorType }: FailedAnswer): Kind | undefined {
  for (const name of [errorCode, errorType]) {
    if (typeof name !== 'string') continue
    if (name.startsWith('billing')) return quotaExceeded
    if (Object.hasOwn(byName, name)) return byName[name]
  }
  return undefined
}

/** A longer wait is a mistake or a date in the far future, and timers overflow at 2^31 ms. */
const longestRetryAfter = 24 * 3_600_000

function readRetryAfter ({ retryAfterMs, retryAfter }: FailedAnswer, now: number): number | null {
  const delay = decimal(retryAfterMs) ?? parseRetryAfter(retryAfter, now)
  return delay === null ? null : Math.min(longestRetryAfter, Math.max(0, Math.ceil(delay)))
}

/** How far the call had come when the transport failed. */
export type CallPhase = 'request' | 'answer'

const connecting = new Set([
  'ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH', 'ENETDOWN', 'EADDRNOTAVAIL', 'ETIMEDOUT',
  'EMFILE', 'ENFILE', 'UND_ERR_CONNECT_TIMEOUT'
])
const certificates = /^(ERR_TLS_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(GET|VERIFY)_|ERR_SSL_|EPROTO$)/

/** Classifies an error thrown by the transport. `phase` is `answer` once the headers of a 2xx answer have arrived. */
export function classifyTransportError (error: unknown, phase: CallPhase): FailureClass {
  const [code, retryable] = transportKind(codeOf(error), phase)
  return { code, retryable, throttled: false, retryAfter: null }
}

function transportKind (code: string, phase: CallPhase): readonly [FailureCode, boolean] {
  if (code === 'UND_ERR_INVALID_ARG') return ['invalid_request', false]
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return ['aborted', false]
  if (connecting.has(code)) return ['connection_failed', true]
  // a certificate that is wrong now is wrong in a second too
  if (certificates.test(code)) return ['connection_failed', false]
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return ['timeout', true]
  if (phase === 'answer') return ['answer_cut', true]
  // the server spoke, but not HTTP
  if (code.startsWith('HPE_') || code === 'UND_ERR_HEADERS_OVERFLOW') return ['answer_invalid', true]
  return ['connection_reset', true]
}

/** A refused connection to a name with several addresses arrives as an AggregateError with the code of its members. */
function codeOf (error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0 && !('code' in error && typeof error.code === 'string')) return codeOf(error.errors[0])
  if (!(error instanceof Error)) return ''
  if ('code' in error && typeof error.code === 'string') return error.code
  // undici leaves the code of some parser errors out
  return error.name === 'HTTPParserError' ? 'HPE_UNKNOWN' : ''
}
