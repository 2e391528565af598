import { SiraError } from '../errors.ts'
import type { ProviderFailure } from '../providers/types.ts'

/**
 * What a caller is told of a provider's failure. What is wrong with the request keeps the provider's status and words, as
 * an SDK expects them; what is wrong with the provider or our account there never looks like a fault of the caller's key.
 */
export function toClientError (failure: ProviderFailure): SiraError {
  const reason = failure.message
  const retryAfter = failure.class.retryAfter === null ? {} : { retryAfter: Math.ceil(failure.class.retryAfter / 1000) }
  const options = { cause: failure, ...retryAfter }
  switch (failure.class.code) {
    case 'invalid_request':
    case 'unprocessable':
    case 'conflict':
      return refused(failure)
    case 'context_length': {
      const error = refused(failure)
      return new SiraError('upstream_refused', { reason }, { ...paramOf(error), cause: failure, upstream: { status: 400, code: 'context_length_exceeded', type: error.type } })
    }
    case 'content_filter': return new SiraError('content_filtered', { reason }, options)
    case 'rate_limited': return new SiraError('upstream_rate_limited', { reason }, { retryAfter: 1, ...options })
    case 'overloaded': return new SiraError('upstream_overloaded', { reason }, { retryAfter: 1, ...options })
    case 'timeout': return new SiraError('upstream_timeout', {}, options)
    case 'authentication':
    case 'permission':
    case 'not_found':
      // the account is the operator's, so are the details of its refusal
      return new SiraError('upstream_error', { reason: 'it does not accept the account or the model configured for it.' }, options)
    case 'quota_exceeded': return new SiraError('upstream_error', { reason: 'the quota or credit of the account there is used up.' }, options)
    default: return new SiraError('upstream_error', { reason }, options)
  }
}

function refused (failure: ProviderFailure): SiraError {
  const words = envelopeOf(failure.body)
  const status = failure.statusCode !== null && failure.statusCode >= 400 && failure.statusCode < 500 ? failure.statusCode : 400
  return new SiraError('upstream_refused', { reason: failure.message }, {
    cause: failure, ...(words.param === null ? {} : { param: words.param }), upstream: { status, code: words.code, type: words.type }
  })
}

function paramOf (error: SiraError): { param?: string } {
  return error.param === null ? {} : { param: error.param }
}

/** `body` was bounded and scrubbed by the adapter. */
function envelopeOf (body: string | null): { code: string | null, type: string | null, param: string | null } {
  const none = { code: null, type: null, param: null }
  if (body === null) return none
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return none
  }
  const error = isObject(parsed) && isObject(parsed.error) ? parsed.error : {}
  return { code: short(error.code), type: short(error.type), param: short(error.param) }
}

function short (value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= 200 ? value : null
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
