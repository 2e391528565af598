import type { StreamEvent } from '../../providers/types.ts'

/** OpenAI's closed list, as far as anything here comes to it. */
export interface ResponseError {
  readonly code: 'server_error' | 'rate_limit_exceeded' | 'invalid_prompt'
  readonly message: string
}

const known: Readonly<Record<string, ResponseError['code']>> = {
  rate_limit_exceeded: 'rate_limit_exceeded',
  concurrency_limit_exceeded: 'rate_limit_exceeded',
  budget_exceeded: 'rate_limit_exceeded',
  budget_reserved: 'rate_limit_exceeded',
  context_length_exceeded: 'invalid_prompt',
  content_filtered: 'invalid_prompt',
  invalid_parameter: 'invalid_prompt',
  unsupported_parameter: 'invalid_prompt'
}

/** The `error` of a failed response: one of our codes in OpenAI's words. */
export function responseError (code: string, message: string): ResponseError {
  return { code: Object.hasOwn(known, code) ? known[code]! : 'server_error', message }
}

/**
 * The event that ends a stream that failed. Flat as the specification has it, and with `error` inside as OpenAI's service sends it:
 * only by that key do its SDKs raise an APIError.
 */
export function responseErrorEvent (code: string, message: string, sequenceNumber: number): StreamEvent {
  const error = { code, message, param: null }
  return { name: 'error', data: JSON.stringify({ type: 'error', ...error, sequence_number: sequenceNumber, error: { type: responseError(code, message).code, ...error } }) }
}
