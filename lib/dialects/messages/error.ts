const types: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  408: 'timeout_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error'
}

export interface MessagesErrorBody {
  readonly type: 'error'
  readonly error: { readonly type: string, readonly message: string, readonly code: string }
  readonly request_id: string | null
}

/** Anthropic's error envelope with our stable code beside its type. */
export function messagesError (code: string, message: string, status: number, requestId: string | null = null): MessagesErrorBody {
  const type = code === 'budget_exceeded' ? 'billing_error' : types[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
  return { type: 'error', error: { type, message, code }, request_id: requestId }
}
