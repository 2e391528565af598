import type { ReadError } from '../upstream.ts'
import { isObject } from '../json-object.ts'

/** Anthropic has no code for a prompt that is too long; its messages begin so. OpenAI's code is what the classifier knows. */
const tooLong = /^(prompt is too long|input length and `max_tokens` exceed context limit)/i

/** What an error body or error event says: `{ type: 'error', error: { type, message } }`. */
export function readAnthropicError (parsed: Record<string, unknown> | null): ReadError {
  const error = isObject(parsed?.['error']) ? parsed['error'] : null
  const message = typeof error?.['message'] === 'string' ? error['message'] : null
  return {
    code: message !== null && tooLong.test(message) ? 'context_length_exceeded' : null,
    type: typeof error?.['type'] === 'string' ? error['type'] : null,
    message
  }
}
