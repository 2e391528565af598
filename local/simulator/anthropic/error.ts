import type { ErrorAnswer } from '../error-answer.ts'

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  500: 'api_error',
  503: 'overloaded_error',
  529: 'overloaded_error'
}

/** An error made for OpenAI's dialect in Anthropic's envelope. */
export function anthropicError (error: ErrorAnswer, requestId: string): ErrorAnswer {
  const said = (JSON.parse(error.body) as { error: { message: string, code: string | null } }).error
  const type = said.code === 'insufficient_quota' ? 'billing_error' : types[error.status] ?? 'invalid_request_error'
  return { ...error, body: JSON.stringify({ type: 'error', error: { type, message: said.message }, request_id: requestId }) }
}

/** The event that ends a stream when there is no capacity left in the middle of an answer. */
export function overloadedFrame (requestId: string): string {
  const event = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded (simulated)' }, request_id: requestId }
  return `event: error\ndata: ${JSON.stringify(event)}\n\n`
}
