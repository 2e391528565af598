import type { Usage } from '../../contracts/prices.ts'
import { failureMessages } from '../failure-messages.ts'
import { ProviderFailure } from '../types.ts'
import type { FailureCode } from '../types.ts'
import { isObject } from './wire.ts'

/**
 * Why a 200 without candidates is no answer, or null. A prompt that was refused is `content_filter`: asking again is of no use,
 * another model may answer.
 */
export function blockedPrompt (feedback: unknown, usage: Usage | null): ProviderFailure | null {
  if (!isObject(feedback) || feedback.blockReason === undefined) return null
  const reason = feedback.blockReason
  const said = typeof reason === 'string' && /^[A-Z_]{1,64}$/.test(reason) ? ` (${reason})` : ''
  return failure('content_filter', false, usage, failureMessages.content_filter + said)
}

export function emptyAnswer (usage: Usage | null): ProviderFailure {
  return failure('answer_invalid', true, usage)
}

/** The model failed at writing a call (MALFORMED_FUNCTION_CALL and the like). */
export function failedCall (reason: string, usage: Usage | null): ProviderFailure {
  return failure('answer_invalid', true, usage, `The model wrote a tool call that cannot be read (${reason}).`)
}

/** A stream that ended without a finishReason: Gemini has no other sign of its end. */
export function cutAnswer (usage: Usage | null): ProviderFailure {
  return failure('answer_cut', true, usage)
}

function failure (code: FailureCode, retryable: boolean, partialUsage: Usage | null, message: string = failureMessages[code]): ProviderFailure {
  return new ProviderFailure(message, { class: { code, retryable, throttled: false, retryAfter: null }, statusCode: 200, partialUsage })
}
