import test from 'ava'
import { classifyAnswer, classifyTransportError } from '../../../lib/providers/classify-failure.ts'
import type { FailedAnswer } from '../../../lib/providers/classify-failure.ts'
import type { FailureCode } from '../../../lib/providers/types.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const plain: FailedAnswer = { statusCode: 500, retryAfter: null, retryAfterMs: null, shouldRetry: null, errorCode: null, errorType: null }

type Row = [given: Partial<FailedAnswer>, code: FailureCode, retryable: boolean, throttled: boolean, retryAfter?: number]

const answers: Row[] = [
  [{ statusCode: 400 }, 'invalid_request', false, false],
  [{ statusCode: 401 }, 'authentication', false, false],
  [{ statusCode: 402 }, 'quota_exceeded', false, false],
  [{ statusCode: 403 }, 'permission', false, false],
  [{ statusCode: 404 }, 'not_found', false, false],
  [{ statusCode: 408 }, 'request_timeout', true, false],
  [{ statusCode: 409 }, 'conflict', true, false],
  [{ statusCode: 413 }, 'invalid_request', false, false],
  [{ statusCode: 422 }, 'unprocessable', false, false],
  [{ statusCode: 429 }, 'rate_limited', true, true],
  [{ statusCode: 500 }, 'server_error', true, false],
  [{ statusCode: 501 }, 'server_error', false, false],
  [{ statusCode: 502 }, 'server_error', true, false],
  [{ statusCode: 503 }, 'overloaded', true, true],
  [{ statusCode: 504 }, 'server_error', true, false],
  [{ statusCode: 529 }, 'overloaded', true, true],
  [{ statusCode: 599 }, 'server_error', true, false],
  [{ statusCode: 301 }, 'unexpected_status', false, false],
  [{ statusCode: 304 }, 'unexpected_status', false, false],
  [{ statusCode: 307 }, 'unexpected_status', false, false],
  // the body's names
  [{ statusCode: 429, errorCode: 'rate_limit_exceeded' }, 'rate_limited', true, true],
  [{ statusCode: 429, errorCode: 'insufficient_quota' }, 'quota_exceeded', false, false],
  [{ statusCode: 429, errorType: 'insufficient_quota' }, 'quota_exceeded', false, false],
  [{ statusCode: 429, errorCode: 'billing_not_active' }, 'quota_exceeded', false, false],
  [{ statusCode: 400, errorCode: 'billing_hard_limit_reached' }, 'quota_exceeded', false, false],
  [{ statusCode: 403, errorCode: 'insufficient_quota' }, 'quota_exceeded', false, false],
  [{ statusCode: 429, errorCode: 'slow_down' }, 'overloaded', true, true],
  [{ statusCode: 500, errorType: 'overloaded_error' }, 'overloaded', true, true],
  [{ statusCode: 500, errorCode: 'insufficient_quota' }, 'server_error', true, false],
  [{ statusCode: 400, errorCode: 'API_KEY_INVALID' }, 'authentication', false, false],
  [{ statusCode: 403, errorType: 'authentication_error' }, 'authentication', false, false],
  [{ statusCode: 404, errorCode: 'invalid_api_key' }, 'not_found', false, false],
  [{ statusCode: 400, errorCode: 'constructor' }, 'invalid_request', false, false],
  [{ statusCode: 400, errorType: 'server_error' }, 'invalid_request', false, false],
  // a 2xx with an error in it
  [{ statusCode: 200 }, 'server_error', true, false],
  [{ statusCode: 200, errorCode: 'rate_limit_exceeded' }, 'rate_limited', true, true],
  [{ statusCode: 200, errorCode: 'invalid_prompt' }, 'invalid_request', false, false],
  [{ statusCode: 200, errorType: 'invalid_request_error' }, 'invalid_request', false, false],
  [{ statusCode: 200, errorCode: 'insufficient_quota' }, 'quota_exceeded', false, false],
  [{ statusCode: 200, errorCode: 429 }, 'rate_limited', true, true],
  [{ statusCode: 200, errorCode: '502' }, 'server_error', true, false],
  [{ statusCode: 200, errorCode: 400 }, 'invalid_request', false, false],
  [{ statusCode: 200, errorCode: 7 }, 'server_error', true, false],
  // what the provider asks for
  [{ statusCode: 429, retryAfter: '2' }, 'rate_limited', true, true, 2000],
  [{ statusCode: 429, retryAfter: '0.5' }, 'rate_limited', true, true, 500],
  [{ statusCode: 429, retryAfterMs: '250', retryAfter: '2' }, 'rate_limited', true, true, 250],
  [{ statusCode: 503, retryAfter: 'Thu, 01 Jan 2026 00:00:30 GMT' }, 'overloaded', true, true, 30_000],
  [{ statusCode: 503, retryAfter: 'Wed, 31 Dec 2025 23:59:00 GMT' }, 'overloaded', true, true, 0],
  [{ statusCode: 429, retryAfter: '99999999' }, 'rate_limited', true, true, 86_400_000],
  [{ statusCode: 429, retryAfter: '-5' }, 'rate_limited', true, true],
  [{ statusCode: 429, retryAfter: 'soon' }, 'rate_limited', true, true],
  [{ statusCode: 429, retryAfter: '' }, 'rate_limited', true, true],
  [{ statusCode: 500, retryAfter: '1' }, 'server_error', true, false, 1000],
  [{ statusCode: 429, errorCode: 'insufficient_quota', retryAfter: '1' }, 'quota_exceeded', false, false, 1000],
  // x-should-retry overrides
  [{ statusCode: 429, shouldRetry: 'false' }, 'rate_limited', false, false],
  [{ statusCode: 500, shouldRetry: 'false' }, 'server_error', false, false],
  [{ statusCode: 400, shouldRetry: 'true' }, 'invalid_request', true, false],
  [{ statusCode: 500, shouldRetry: 'maybe' }, 'server_error', true, false]
]

for (const [given, code, retryable, throttled, retryAfter = null] of answers) {
  test(`an answer of ${JSON.stringify(given)} is ${code}`, t => {
    t.deepEqual(classifyAnswer({ ...plain, ...given }, now), { code, retryable, throttled, retryAfter })
  })
}

const coded = (code: string): Error => Object.assign(new Error('secret detail'), { code })

const transport: [error: unknown, phase: 'request' | 'answer', code: FailureCode, retryable: boolean][] = [
  [coded('ECONNRESET'), 'request', 'connection_reset', true],
  [coded('EPIPE'), 'request', 'connection_reset', true],
  [coded('UND_ERR_SOCKET'), 'request', 'connection_reset', true],
  [new Error('unheard of'), 'request', 'connection_reset', true],
  ['thrown text', 'request', 'connection_reset', true],
  [coded('ECONNREFUSED'), 'request', 'connection_failed', true],
  [new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]), 'request', 'connection_failed', true],
  [coded('ENOTFOUND'), 'request', 'connection_failed', true],
  [coded('EAI_AGAIN'), 'request', 'connection_failed', true],
  [coded('ETIMEDOUT'), 'request', 'connection_failed', true],
  [coded('UND_ERR_CONNECT_TIMEOUT'), 'request', 'connection_failed', true],
  [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'request', 'connection_failed', false],
  [coded('CERT_HAS_EXPIRED'), 'request', 'connection_failed', false],
  [coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'request', 'connection_failed', false],
  [coded('UND_ERR_HEADERS_TIMEOUT'), 'request', 'timeout', true],
  [coded('UND_ERR_BODY_TIMEOUT'), 'answer', 'timeout', true],
  [coded('ECONNRESET'), 'answer', 'answer_cut', true],
  [coded('UND_ERR_SOCKET'), 'answer', 'answer_cut', true],
  [coded('HPE_INVALID_EOF_STATE'), 'answer', 'answer_cut', true],
  [coded('HPE_INVALID_CONSTANT'), 'request', 'answer_invalid', true],
  [coded('UND_ERR_HEADERS_OVERFLOW'), 'request', 'answer_invalid', true],
  [coded('UND_ERR_INVALID_ARG'), 'request', 'invalid_request', false],
  [coded('UND_ERR_DESTROYED'), 'request', 'aborted', false]
]

for (const [error, phase, code, retryable] of transport) {
  const name = error instanceof Error ? `${error.name} ${(error as NodeJS.ErrnoException).code ?? ''}` : String(error)
  test(`a transport error ${name} in the ${phase} phase is ${code}`, t => {
    t.deepEqual(classifyTransportError(error, phase), { code, retryable, throttled: false, retryAfter: null })
  })
}
