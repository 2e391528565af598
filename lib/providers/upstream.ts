import { Pool } from 'undici'
import type { Credential, ProviderConfig } from './catalog-types.ts'
import { changeFailure } from './change-failure.ts'
import { classifyAnswer } from './classify-failure.ts'
import { createCredentialRing } from './credential-ring.ts'
import type { Lent } from './credential-ring.ts'
import { isCredentialsFault } from './credentials-fault.ts'
import { failureMessages } from './failure-messages.ts'
import { post, readHeader, readRequestId } from './http-call.ts'
import type { HttpAnswer, HttpCall } from './http-call.ts'
import { stream } from './http-stream.ts'
import type { HttpStreamCall } from './http-stream.ts'
import { isObject } from './json-object.ts'
import { scrub } from './scrub.ts'
import { ProviderFailure } from './types.ts'
import { vendors } from './vendors.ts'

export interface UpstreamCall {
  /** With the base's prefix: `upstream.prefix + '/chat/completions'`. */
  readonly path: string
  /** Names and values in turn, beside content type, authorization and request id. */
  readonly headers?: readonly string[]
  readonly body: string | Buffer
  readonly clientRequestId: string
  readonly signal?: AbortSignal | undefined
  /** ms from the start of the call to the last byte of the answer. */
  readonly timeout: number
  readonly maxAnswerBytes: number
}

export interface UpstreamStreamCall extends UpstreamCall, Pick<HttpStreamCall, 'idleTimeout' | 'accept'> {}

/** What a provider's error says, whatever its shape; null = nothing. */
export interface ReadError {
  readonly code: string | number | null
  readonly type: string | null
  readonly message: string | null
}

/** A provider's server: connections, credentials, and one meaning for its errors. */
export interface Upstream {
  readonly name: string
  /** The path of the base URL without a trailing slash. */
  readonly prefix: string
  /** Resolves for 2xx only; any other end rejects with a classified ProviderFailure without secrets. */
  post: (call: UpstreamCall) => Promise<HttpAnswer>
  /** As `post`, with the events of a 2xx answer going to `accept`; see http-stream.ts for when it resolves. */
  stream: (call: UpstreamStreamCall) => Promise<HttpAnswer>
  /** For an error told inside a 2xx answer: an error event, an error object. */
  failure: (error: ReadError, statusCode?: number, more?: { readonly requestId?: string | null, readonly body?: string | null }) => ProviderFailure
  /** Calls in flight are aborted: drain before. */
  close: () => Promise<void>
}

const connectTimeout = 10_000
/** ms; many Python servers close idle connections after 5 s without saying so. A Keep-Alive header of the server wins. */
const keepAlive = 4_000
const longestKeepAlive = 60_000

/** `readError` gets the body of an error answer, null where it is no JSON object. Connections are opened as needed, at most one per allowed call. */
export function createUpstream (provider: ProviderConfig, readError: (parsed: Record<string, unknown> | null) => ReadError): Upstream {
  const base = new URL(provider.baseUrl)
  const pool = new Pool(base.origin, {
    connections: provider.maxConcurrency,
    pipelining: 1,
    connect: { timeout: connectTimeout },
    keepAliveTimeout: keepAlive,
    keepAliveMaxTimeout: longestKeepAlive,
    // every call has a total deadline, which these would only repeat
    headersTimeout: 0,
    bodyTimeout: 0
  })
  const ring = createCredentialRing(provider.credentials, provider.credentialUse)
  const secrets = provider.credentials.map(({ secret }) => secret)
  const { auth } = vendors[provider.kind]
  const authorizations = new Map(provider.credentials.map(credential => [credential, authorization(auth, credential)]))

  const request = (call: UpstreamCall, lent: Lent | null): HttpCall => {
    const headers = [...common]
    if (lent !== null) headers.push(...authorizations.get(lent.credential)!)
    if (call.headers !== undefined) headers.push(...call.headers)
    headers.push('x-client-request-id', call.clientRequestId)
    const { path, body, signal, timeout, maxAnswerBytes } = call
    return { path, headers, body, signal, timeout, maxAnswerBytes }
  }

  /** Makes the call with the credential whose turn it is, and tells the ring how that went. */
  const send = async (lent: Lent | null, sent: Promise<HttpAnswer>): Promise<HttpAnswer> => {
    try {
      const answer = await sent
      if (answer.statusCode >= 300) throw refusal(answer, readError, secrets)
      if (lent !== null) ring.worked(lent)
      return answer
    } catch (error) {
      if (lent === null || !(error instanceof ProviderFailure) || !isCredentialsFault(error)) throw error
      if (!ring.refused(lent)) throw error
      // what is wrong with one credential, its Retry-After included, is nothing to the next
      throw changeFailure(error, { class: { ...error.class, retryable: true, throttled: false, retryAfter: null } })
    }
  }

  return {
    name: provider.name,
    prefix: base.pathname.replace(/\/+$/, ''),
    post (call) {
      const lent = ring.take()
      return send(lent, post(pool, request(call, lent)))
    },
    stream (call) {
      const lent = ring.take()
      return send(lent, stream(pool, { ...request(call, lent), idleTimeout: call.idleTimeout, accept: call.accept }))
    },
    failure: (error, statusCode = 200, { requestId = null, body = null } = {}) => {
      const failed = classifyAnswer({
        statusCode, retryAfter: null, retryAfterMs: null, shouldRetry: null, errorCode: error.code, errorType: error.type
      }, Date.now())
      return new ProviderFailure(readable(error.message, secrets) || failureMessages[failed.code], {
        class: failed, statusCode, requestId, body: showable(body, secrets)
      })
    },
    close: () => pool.destroy()
  }
}

// the official SDKs ask for JSON in streams as well
const common = ['content-type', 'application/json', 'accept', 'application/json', 'user-agent', 'sira']

function authorization (auth: typeof vendors[keyof typeof vendors]['auth'], { secret }: Credential): [name: string, value: string] {
  return auth === 'bearer' ? ['authorization', `Bearer ${secret}`] : [auth, secret]
}

const maxMessage = 2000
const maxErrorBody = 64 * 1024

function refusal (answer: HttpAnswer, readError: (parsed: Record<string, unknown> | null) => ReadError, secrets: readonly string[]): ProviderFailure {
  const { statusCode, headers, text } = answer
  const parsed = parseError(text)
  const error = readError(parsed)
  const failed = classifyAnswer({
    statusCode,
    retryAfter: readHeader(headers['retry-after']),
    retryAfterMs: readHeader(headers['retry-after-ms']),
    shouldRetry: readHeader(headers['x-should-retry']),
    errorCode: error.code,
    errorType: error.type
  }, Date.now())
  const said = parsed === null && !text.trimStart().startsWith('<') ? text : error.message
  return new ProviderFailure(readable(said, secrets) || `${failureMessages[failed.code]} (status ${statusCode})`, {
    class: failed,
    statusCode,
    requestId: readRequestId(headers),
    // written anew, so that no escape sequence hides a key from the scrubbing
    body: showable(parsed === null ? null : JSON.stringify(parsed), secrets)
  })
}

/** Gemini lists the errors of some calls. */
function parseError (text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    const first: unknown = Array.isArray(value) ? value[0] : value
    return isObject(first) && !Array.isArray(first) ? first : null
  } catch {
    return null
  }
}

/** Text that may be shown and stored: no control characters (Postgres takes no NUL), no keys, not too long. */
function readable (said: string | null, secrets: readonly string[]): string {
  if (said === null) return ''
  // eslint-disable-next-line no-control-regex
  return scrub(said.replace(/[\u0000-\u001f\u007f]+/g, ' '), secrets).trim().slice(0, maxMessage)
}

function showable (body: string | null, secrets: readonly string[]): string | null {
  if (body === null) return null
  const scrubbed = scrub(body, secrets)
  return Buffer.byteLength(scrubbed) <= maxErrorBody ? scrubbed : null
}
