import { errorAnswer } from './error-answer.ts'
import type { ErrorAnswer, ErrorParts } from './error-answer.ts'
import type { StatusKind } from './faults.ts'

const invalid = 'invalid_request_error'

/** What OpenAI, or a load balancer in front of it (502, 504), says with each status. */
const parts: Readonly<Record<StatusKind, ErrorParts>> = {
  400: { status: 400, message: 'The request is invalid.', type: invalid, code: 'invalid_value', param: 'messages' },
  401: { status: 401, message: 'Incorrect API key provided.', type: invalid, code: 'invalid_api_key' },
  403: { status: 403, message: 'Your project does not have access to this model.', type: invalid, code: 'model_not_available' },
  404: { status: 404, message: 'The model does not exist or you do not have access to it.', type: invalid, code: 'model_not_found' },
  408: { status: 408, message: 'The request timed out.', type: invalid, code: 'request_timeout' },
  409: { status: 409, message: 'The resource was updated by another request.', type: invalid, code: 'conflict' },
  422: { status: 422, message: 'The request could not be processed.', type: invalid, code: 'unprocessable_entity' },
  429: { status: 429, message: 'Rate limit reached for requests. Please try again later.', type: 'requests', code: 'rate_limit_exceeded' },
  '429-quota': {
    status: 429,
    message: 'You exceeded your current quota, please check your plan and billing details.',
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    headers: ['x-should-retry', 'false']
  },
  500: { status: 500, message: 'The server had an error while processing your request.' },
  502: { status: 502, message: 'Bad Gateway' },
  503: { status: 503, message: 'The engine is currently overloaded, please try again later.', code: 'server_is_overloaded' },
  504: { status: 504, message: 'Gateway Time-out' },
  529: { status: 529, message: 'Overloaded.', type: 'overloaded_error', code: 'overloaded_error' }
}

/** The error answer of a status fault; `retryAfter` in seconds. */
export function statusFaultAnswer (kind: StatusKind, retryAfter: number | null): ErrorAnswer {
  const retryHeaders = retryAfter === null ? [] : ['retry-after', String(retryAfter)]
  if (kind === '502' || kind === '504') {
    const title = `${kind} ${parts[kind].message}`
    const body = `<html><head><title>${title}</title></head><body><h1>${title}</h1><hr>simulated</body></html>`
    return { status: Number(kind), contentType: 'text/html', body, headers: retryHeaders }
  }
  return errorAnswer({ ...parts[kind], headers: [...parts[kind].headers ?? [], ...retryHeaders] })
}
