import type { ReadError } from '../upstream.ts'
import { isObject, objectsOf } from './wire.ts'

/** ms; a longer wait is a mistake, and timers overflow at 2^31 ms. */
const longestRetryAfter = 24 * 3_600_000

/**
 * Google's error: `{ error: { code, message, status, details } }`. Its code is the HTTP status and its status one word for many
 * causes, so details and message say which of those that are treated differently it is.
 */
export function readGeminiError (parsed: Record<string, unknown> | null): ReadError {
  const error = isObject(parsed?.error) ? parsed.error : null
  if (error === null) return { code: null, type: null, message: typeof parsed?.error === 'string' ? parsed.error : null }
  const message = typeof error.message === 'string' ? error.message : null
  const code = causeOf(error, message) ?? (typeof error.code === 'number' || typeof error.code === 'string' ? error.code : null)
  return { code, type: typeof error.status === 'string' ? error.status : null, message }
}

function causeOf (error: Record<string, unknown>, message: string | null): string | null {
  const details = objectsOf(error.details)
  if (details.some(detail => detail.reason === 'API_KEY_INVALID')) return 'API_KEY_INVALID'
  // a minute's quota comes back in a minute; a day's is used up
  if (details.some(detail => objectsOf(detail.violations).some(({ quotaId }) => typeof quotaId === 'string' && quotaId.includes('PerDay')))) return 'quota_exceeded'
  if (message !== null && /input token count .*exceeds the maximum/i.test(message)) return 'context_length_exceeded'
  return null
}

/** ms; how long Google asks to wait, which it says in the body (`RetryInfo`) and not in a header. null = it does not say. */
export function readRetryDelay (parsed: Record<string, unknown> | null): number | null {
  const error = isObject(parsed?.error) ? parsed.error : null
  for (const detail of objectsOf(error?.details)) {
    const match = typeof detail.retryDelay === 'string' ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(detail.retryDelay) : null
    if (match !== null) return Math.min(longestRetryAfter, Math.ceil(Number(match[1]) * 1000))
  }
  return null
}
