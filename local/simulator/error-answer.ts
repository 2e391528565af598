/** An answer that is not a 2xx. */
export interface ErrorAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  /** Further headers, name and value in turn. */
  readonly headers: readonly string[]
}

export interface ErrorParts {
  readonly status: number
  readonly message: string
  readonly type?: string
  readonly code?: string | null
  readonly param?: string | null
  readonly headers?: readonly string[]
}

/** An error in OpenAI's envelope: all four keys, of which param and code may be null. */
export function errorAnswer (parts: ErrorParts): ErrorAnswer {
  const error = {
    message: `${parts.message} (simulated)`,
    type: parts.type ?? (parts.status >= 500 ? 'server_error' : 'invalid_request_error'),
    param: parts.param ?? null,
    code: parts.code ?? null
  }
  return { status: parts.status, contentType: 'application/json', body: JSON.stringify({ error }), headers: parts.headers ?? [] }
}

export function invalidParameter (param: string, message: string): ErrorAnswer {
  return errorAnswer({ status: 400, message, param, code: 'invalid_value' })
}
