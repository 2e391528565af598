/**
 * Every error a caller can meet, defined once: code → HTTP status, OpenAI type, English message.
 * Messages are templates over `params`, so that they can be localised without touching callers.
 * `retry: false` becomes `x-should-retry: false`: the OpenAI SDKs repeat 409 and 429 otherwise.
 */
interface ErrorDefinition {
  readonly status: number
  readonly type: string
  readonly message: string
  readonly retry?: false
}

const define = <T extends Record<string, ErrorDefinition>>(definitions: T): T => definitions

const invalid = 'invalid_request_error'

export const errorDefinitions = define({
  invalid_request: { status: 400, type: invalid, message: '{reason}' },
  invalid_json: { status: 400, type: invalid, message: 'The request body is not valid JSON: {reason}' },
  invalid_multipart: { status: 400, type: invalid, message: 'The multipart body cannot be read: {reason}' },
  missing_parameter: { status: 400, type: invalid, message: 'Missing required parameter: {param}.' },
  invalid_parameter: { status: 400, type: invalid, message: 'Invalid value for {param}: {reason}' },
  invalid_api_key: { status: 401, type: invalid, message: 'The API key is missing, malformed, revoked or expired. Send Authorization: Bearer sira_…' },
  insufficient_scope: { status: 403, type: invalid, message: 'This key lacks the scope {scope}.' },
  model_not_allowed: { status: 403, type: invalid, message: 'This key may not use the model {model}.' },
  address_not_allowed: { status: 403, type: invalid, message: 'This key may not be used from {address}.' },
  context_length_exceeded: { status: 400, type: invalid, message: 'The request is longer than the {limit} tokens of the model {model}.' },
  unsupported_parameter: { status: 400, type: invalid, message: 'The model {model} cannot do {param}: {reason}' },
  unsupported_endpoint: { status: 400, type: invalid, message: 'The model {model} is not served at {endpoint}.' },
  url_refused: { status: 400, type: invalid, message: 'This URL may not be called: {reason}.' },
  content_filtered: { status: 400, type: invalid, message: 'The provider refused the content: {reason}' },
  managed_by_config: { status: 409, type: invalid, message: 'This {resource} comes from the configuration file. Change it there.', retry: false },
  encryption_not_configured: { status: 409, type: invalid, message: 'Credentials and webhook secrets can be stored only when SIRA_ENCRYPTION_KEYS is set.', retry: false },
  rate_limit_exceeded: { status: 429, type: 'rate_limit_error', message: 'Rate limit of the {kind} reached: {limit} {unit} per minute.' },
  concurrency_limit_exceeded: { status: 429, type: 'rate_limit_error', message: 'The {kind} has {limit} requests under way, which is its limit.' },
  budget_exceeded: { status: 429, type: 'insufficient_quota', message: 'The {period} budget of the {kind} is used up: {amount} USD.', retry: false },
  budget_reserved: { status: 429, type: 'rate_limit_error', message: 'Requests under way have reserved what is left of the {period} budget of the {kind}. Try again shortly.' },
  upstream_refused: { status: 400, type: invalid, message: '{reason}' },
  upstream_rate_limited: { status: 429, type: 'rate_limit_error', message: "The provider's rate limit is reached: {reason}" },
  upstream_overloaded: { status: 503, type: 'server_error', message: 'The provider is overloaded: {reason}' },
  upstream_error: { status: 502, type: 'server_error', message: 'The provider failed: {reason}' },
  upstream_timeout: { status: 504, type: 'server_error', message: 'The provider did not answer in time. It may have done the work.', retry: false },
  usage_backlog: { status: 503, type: 'server_error', message: 'Usage cannot be recorded now. Try again shortly.' },
  not_found: { status: 404, type: invalid, message: 'No {resource} with id {id} in this project.' },
  unknown_route: { status: 404, type: invalid, message: 'Unknown request URL: {method} {url}.' },
  model_not_found: { status: 404, type: invalid, message: 'The model {model} does not exist or is not configured.' },
  method_not_allowed: { status: 405, type: invalid, message: '{method} is not allowed on {url}.' },
  request_timeout: { status: 408, type: invalid, message: 'The request was not received in time.' },
  state_conflict: { status: 409, type: invalid, message: 'Cannot {action} a {resource} with status {state}.', retry: false },
  idempotency_mismatch: { status: 409, type: invalid, message: 'This Idempotency-Key was used with another request. Use a new key for a new request.', retry: false },
  idempotency_in_progress: { status: 409, type: invalid, message: 'A request with this Idempotency-Key is still running. Try again shortly.' },
  payload_too_large: { status: 413, type: invalid, message: 'The body is larger than the limit of {limit} bytes.' },
  unsupported_media_type: { status: 415, type: invalid, message: '{header} {value} is not supported here.' },
  headers_too_large: { status: 431, type: invalid, message: 'The request headers are too large.' },
  internal_error: { status: 500, type: 'server_error', message: 'Something went wrong here. Quote the request id when you report it.' },
  unavailable: { status: 503, type: 'server_error', message: '{dependency} cannot be reached now. Try again shortly.' },
  draining: { status: 503, type: 'server_error', message: 'This process is shutting down. Try again.' }
})

export type ErrorCode = keyof typeof errorDefinitions
export type ErrorParams = Readonly<Record<string, string | number>>

export interface UpstreamWords { readonly status: number, readonly code: string | null, readonly type: string | null }

interface ErrorOptions {
  readonly param?: string
  readonly retryAfter?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly upstream?: UpstreamWords
  readonly cause?: unknown
}

/** An error meant for the caller. Everything else that is thrown is a bug or an outage and becomes `internal_error`. */
export class SiraError extends Error {
  readonly code: ErrorCode
  readonly params: ErrorParams
  /** The request field at fault, in the caller's spelling. */
  readonly param: string | null
  /** Seconds, for Retry-After. */
  readonly retryAfter: number | undefined
  /** Further headers of the answer: those of limits. */
  readonly headers: Readonly<Record<string, string>>
  /** Of a request that a provider refused: its status, and its code and type in OpenAI's envelope, which callers may know. */
  readonly upstream: UpstreamWords | null

  constructor (code: ErrorCode, params: ErrorParams = {}, options: ErrorOptions = {}) {
    super(formatMessage(errorDefinitions[code].message, params), options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'SiraError'
    this.code = code
    this.params = params
    this.param = options.param ?? (typeof params.param === 'string' ? params.param : null)
    this.retryAfter = options.retryAfter
    this.headers = options.headers ?? {}
    this.upstream = options.upstream ?? null
  }

  get status (): number { return this.upstream?.status ?? errorDefinitions[this.code].status }
  get type (): string { return this.upstream?.type ?? errorDefinitions[this.code].type }
  /** false when repeating the same request cannot help. */
  get retryable (): boolean {
    const definition: ErrorDefinition = errorDefinitions[this.code]
    return definition.retry !== false && (definition.status === 409 || definition.status === 408 || definition.status === 429 || definition.status >= 500)
  }
}

export function formatMessage (template: string, params: ErrorParams): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => name in params ? String(params[name]) : whole)
}
