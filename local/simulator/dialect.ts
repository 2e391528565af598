import { anthropicError } from './anthropic/error.ts'
import type { ErrorAnswer } from './error-answer.ts'
import { geminiError } from './gemini/error.ts'

/** An error in the envelope of the dialect that a path belongs to. Pages of load balancers are the same for all. */
export function inDialect (path: string, error: ErrorAnswer, requestId: string): ErrorAnswer {
  if (error.contentType !== 'application/json') return error
  if (path.startsWith('/anthropic/')) return anthropicError(error, requestId)
  if (path.startsWith('/gemini/')) return geminiError(error)
  return error
}
