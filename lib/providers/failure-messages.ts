import { ProviderFailure } from './types.ts'
import type { FailureCode } from './types.ts'

/** What the caller is told where the provider said nothing. No address, no system error: those are in the failure's cause. */
export const failureMessages: Readonly<Record<FailureCode, string>> = {
  invalid_request: 'The provider refused the request.',
  authentication: 'The provider refused the credentials configured for it.',
  permission: 'The provider does not permit this request.',
  not_found: 'The provider does not know the model or the endpoint.',
  request_timeout: 'The provider gave up waiting for the request.',
  conflict: 'The provider reported a conflict.',
  unprocessable: 'The provider could not process the request.',
  rate_limited: "The provider's rate limit was reached.",
  quota_exceeded: 'The quota or credit at the provider is used up.',
  server_error: 'The provider failed.',
  overloaded: 'The provider is overloaded.',
  connection_reset: 'The connection to the provider broke before an answer came.',
  connection_failed: 'The provider could not be reached.',
  timeout: 'The provider did not answer in time.',
  answer_cut: "The provider's answer broke off.",
  answer_invalid: "The provider's answer is not valid.",
  answer_too_large: "The provider's answer is larger than allowed.",
  unexpected_status: 'The provider answered with an unexpected status.',
  aborted: 'The call was aborted.',
  content_filter: 'The provider refused the content.',
  context_length: 'The request is longer than the model can take.'
}

/** A failure that the provider did not tell of. */
export function ownFailure (code: FailureCode, retryable: boolean, more: { cause?: unknown, statusCode?: number, requestId?: string | null, sent?: boolean } = {}): ProviderFailure {
  return new ProviderFailure(failureMessages[code], { class: { code, retryable, throttled: false, retryAfter: null }, ...more })
}
