import { isCredentialsFault } from '../providers/credentials-fault.ts'
import type { FailureCode, ProviderFailure } from '../providers/types.ts'

/**
 * What a failed attempt leads to, as long as nothing has reached the client:
 * - refuse: the request is at fault; no other deployment would take it
 * - context, content: only a model made for it may help (a longer context, another content policy)
 * - elsewhere: this deployment is of no use for this request, another may be
 * - again: another deployment now, this one after a pause
 * - unknown: the provider may have done the work and bill it; only a policy that allows a second paid call goes on
 */
export type Verdict = 'refuse' | 'context' | 'content' | 'elsewhere' | 'again' | 'unknown'

const verdicts: Readonly<Record<FailureCode, Verdict>> = {
  invalid_request: 'refuse',
  unprocessable: 'refuse',
  context_length: 'context',
  content_filter: 'content',
  authentication: 'elsewhere',
  permission: 'elsewhere',
  not_found: 'elsewhere',
  quota_exceeded: 'elsewhere',
  unexpected_status: 'elsewhere',
  answer_too_large: 'refuse',
  answer_invalid: 'again',
  conflict: 'again',
  request_timeout: 'again',
  rate_limited: 'again',
  overloaded: 'again',
  server_error: 'again',
  connection_reset: 'again',
  connection_failed: 'again',
  answer_cut: 'again',
  timeout: 'unknown',
  aborted: 'refuse'
}

/** `retryable` is the classifier's word: a provider that says x-should-retry: false is not asked the same again. */
export function verdictOf (code: FailureCode, retryable: boolean): Verdict {
  const verdict = verdicts[code]
  if (verdict === 'again' && !retryable) return 'elsewhere'
  // another credential of the same provider may do
  if (verdict === 'elsewhere' && retryable) return 'again'
  return verdict
}

/** What a failure says of the deployment, for its circuit breaker: that it is ill, that it works (only this request is refused), or nothing. */
export function healthAfter (failure: ProviderFailure): 'failed' | 'refused' | 'abandoned' {
  const { code } = failure.class
  if (code === 'aborted') return 'abandoned'
  // of what one request says, or of the account without a word that tells: others may fare better
  if (code === 'permission' && !isCredentialsFault(failure)) return 'abandoned'
  const verdict = verdicts[code]
  return verdict === 'elsewhere' || verdict === 'again' || verdict === 'unknown' ? 'failed' : 'refused'
}
