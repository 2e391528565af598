import type { ErrorAnswer } from '../error-answer.ts'

const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  422: 'FAILED_PRECONDITION',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
  529: 'UNAVAILABLE'
}

/** An error made for OpenAI's dialect in Google's envelope: the wait is in its details, not in a header. */
export function geminiError (error: ErrorAnswer): ErrorAnswer {
  const said = (JSON.parse(error.body) as { error: { message: string, code: string | null } }).error
  const retryAfter = headerOf(error, 'retry-after')
  const details: Array<Record<string, unknown>> = []
  if (said.code === 'insufficient_quota') {
    const violations = [{ quotaMetric: 'generativelanguage.googleapis.com/generate_requests', quotaId: 'GenerateRequestsPerDayPerProjectPerModel' }]
    details.push({ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations })
  }
  if (retryAfter !== null) details.push({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${retryAfter}s` })
  const body = { code: error.status, message: said.message, status: statuses[error.status] ?? 'UNKNOWN', ...(details.length > 0 && { details }) }
  return { ...error, headers: [], body: JSON.stringify({ error: body }, null, 2) }
}

function headerOf ({ headers }: ErrorAnswer, name: string): string | null {
  const at = headers.indexOf(name)
  return at === -1 ? null : headers[at + 1] ?? null
}

/** How Gemini tells of a failure in the middle of a stream: JSON as it is, on several lines, without `data:`. */
export const bareErrorFrame =
  '{\r\n  "error": {\r\n    "code": 503,\r\n    "message": "This model is currently overloaded. (simulated)",\r\n    "status": "UNAVAILABLE"\r\n  }\r\n}\r\n'
