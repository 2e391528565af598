import type { FinishReason } from '../../contracts/chat.ts'

const filtered = new Set([
  'SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'LANGUAGE', 'IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION'
])
const cutOff = new Set(['MAX_TOKENS', 'CONTINUATION'])
/** The model wrote a call that cannot be read. Nothing of it is in the answer. */
const unreadable = new Set(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS'])

/**
 * Gemini's reason in OpenAI's closed list (Portkey #1200: MAX_TOKENS leaked). STOP after a function call is `tool_calls`, also
 * when the call came in an earlier chunk (litellm #21041). What is not known is `stop`.
 */
export function finishReason (reason: string, calledTools: boolean): FinishReason {
  if (cutOff.has(reason)) return 'length'
  if (filtered.has(reason)) return 'content_filter'
  return calledTools ? 'tool_calls' : 'stop'
}

/**
 * Whether an answer that ended so and brought nothing is no answer: the model failed at writing a call. Sent on as an empty
 * `stop` it would look like one. Asking again usually helps.
 */
export function isFailedCall (reason: string): boolean {
  return unreadable.has(reason)
}
