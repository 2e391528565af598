import type { ReadError } from '../upstream.ts'
import { isObject } from '../json-object.ts'

/** Anthropic has no code for a prompt that is too long; its messages begin so. OpenAI's code is what the classifier knows. */
const tooLong = /^(prompt is too long|input length and `max_tokens` exceed context limit)/i

/** Nor one for an account without money, or at the limit that its owner set: both are a 400 that looks like a fault of the request (claude-code #66314). */
const spent = /^(your credit balance is too low|you have reached your specified api usage limits)/i

/** What an error body or error event says: `{ type: 'error', error: { type, message } }`. */
export function readAnthropicError (parsed: Record<string, unknown> | null): ReadError {
  const error = isObject(parsed?.['error']) ? parsed['error'] : null
  const message = typeof error?.['message'] === 'string' ? error['message'] : null
  return {
    code: message === null ? null : codeOf(message),
    type: typeof error?.['type'] === 'string' ? error['type'] : null,
    message
  }
}

function codeOf (message: string): string | null {
  if (tooLong.test(message)) return 'context_length_exceeded'
  return spent.test(message) ? 'insufficient_quota' : null
}
