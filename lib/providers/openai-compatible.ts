import { Pool } from 'undici'
import { batchEndpoints } from '../contracts/batch-input.ts'
import type { ProviderConfig } from './catalog-types.ts'
import { classifyAnswer } from './classify-failure.ts'
import { failureMessages } from './failure-messages.ts'
import { post } from './http-call.ts'
import type { HttpAnswer } from './http-call.ts'
import { scrub } from './scrub.ts'
import { ProviderFailure } from './types.ts'
import type { FailureClass, Provider, ProviderAnswer } from './types.ts'
import { readUsage } from './usage.ts'

const connectTimeout = 10_000
/** ms; many Python servers close idle connections after 5 s without saying so. A Keep-Alive header of the server wins. */
const keepAlive = 4_000
const longestKeepAlive = 60_000

/** A server that speaks OpenAI's HTTP API. Connections are opened as they are needed, at most one per allowed call. */
export function createOpenAICompatible (provider: ProviderConfig): Provider {
  const base = new URL(provider.baseUrl)
  const prefix = base.pathname.replace(/\/+$/, '')
  const paths = Object.fromEntries(batchEndpoints.map(endpoint => [endpoint, prefix + endpoint.slice('/v1'.length)]))
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
  const headers = ['content-type', 'application/json', 'accept', 'application/json', 'user-agent', 'sira']
  if (provider.apiKey !== null) headers.push('authorization', `Bearer ${provider.apiKey}`)
  headers.push('x-client-request-id')

  return {
    name: provider.name,
    async call ({ endpoint, body, clientRequestId, signal, timeout, maxAnswerBytes }) {
      const path = paths[endpoint]!
      const answer = await post(pool, { path, headers: [...headers, clientRequestId], body, timeout, maxAnswerBytes, signal })
      return readAnswer(answer, provider.apiKey)
    },
    /** Calls in flight are aborted: drain before. */
    close: () => pool.destroy()
  }
}

function readAnswer (answer: HttpAnswer, apiKey: string | null): ProviderAnswer {
  const { statusCode, text } = answer
  const parsed = parseObject(text)
  if (statusCode >= 300 || (parsed !== null && holdsError(parsed.error))) throw refusal(answer, parsed, apiKey)
  const requestId = readRequestId(answer)
  if (parsed === null) {
    const invalid: FailureClass = { code: 'answer_invalid', retryable: true, throttled: false, retryAfter: null }
    throw new ProviderFailure(failureMessages.answer_invalid, { class: invalid, statusCode, requestId })
  }
  return { statusCode, requestId, body: onOneLine(text), usage: readUsage(parsed.usage) }
}

function parseObject (text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Responses carry `error: null` when all is well. */
function holdsError (error: unknown): boolean {
  return isObject(error) || (typeof error === 'string' && error !== '')
}

/** JSON has raw line breaks only between tokens, so they can go without touching a value (a number's digits, say). */
function onOneLine (text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n][ \t\r\n]*/g, ' ').trim() : text
}

const maxMessage = 2000
const maxErrorBody = 64 * 1024

function refusal (answer: HttpAnswer, parsed: Record<string, unknown> | null, apiKey: string | null): ProviderFailure {
  const { statusCode, headers, text } = answer
  const error = isObject(parsed?.error) ? parsed.error : null
  const errorCode = typeof error?.code === 'string' || typeof error?.code === 'number' ? error.code : null
  const failed = classifyAnswer({
    statusCode,
    retryAfter: header(headers['retry-after']),
    retryAfterMs: header(headers['retry-after-ms']),
    shouldRetry: header(headers['x-should-retry']),
    errorCode,
    errorType: typeof error?.type === 'string' ? error.type : null
  }, Date.now())
  const said = error?.message ?? parsed?.error ?? parsed?.message ?? (parsed === null && !text.trimStart().startsWith('<') ? text : '')
  // written anew, so that no escape sequence hides a key from the scrubbing
  const body = parsed === null ? null : scrub(JSON.stringify(parsed), apiKey)
  return new ProviderFailure(readable(said, apiKey) || `${failureMessages[failed.code]} (status ${statusCode})`, {
    class: failed,
    statusCode,
    requestId: readRequestId(answer),
    body: body !== null && Buffer.byteLength(body) <= maxErrorBody ? body : null
  })
}

/** Text that may be shown and stored: no control characters (Postgres takes no NUL), no keys, not too long. */
function readable (said: unknown, apiKey: string | null): string {
  if (typeof said !== 'string') return ''
  // eslint-disable-next-line no-control-regex
  return scrub(said.replace(/[\u0000-\u001f\u007f]+/g, ' '), apiKey).trim().slice(0, maxMessage)
}

function readRequestId (answer: HttpAnswer): string | null {
  return header(answer.headers['x-request-id'])?.slice(0, 256) ?? null
}

function header (value: string | string[] | undefined): string | null {
  return (Array.isArray(value) ? value[0] : value) ?? null
}
