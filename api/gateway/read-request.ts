import type { FastifyRequest } from 'fastify'
import type { CacheWish, GatewayRequest, LargeBody } from '../../lib/contracts/gateway.ts'
import { SiraError } from '../../lib/errors.ts'
import { applyPreset } from '../../lib/gateway/apply-preset.ts'
import type { Endpoint } from '../../lib/providers/types.ts'
import type { ControlState } from '../../lib/contracts/allowance.ts'
import { checkPreset } from './preset-check.ts'

/** ms an answer may take to begin when the client does not say how long it waits: the SDKs' own 10 minutes. */
const usualPatience = 600_000
const longestTtl = 30 * 24 * 3600

/** Of a request over HTTP, or one message of a socket. */
export type Received = Pick<FastifyRequest, 'id' | 'caller' | 'headers' | 'body' | 'bodyText'> & { readonly largeBody?: LargeBody | null }

/** What the gateway needs of an HTTP request. Throws SiraError for headers that make no sense. */
export function readRequest (request: Received, endpoint: Endpoint, state: ControlState, signal: AbortSignal): GatewayRequest {
  const startedAt = performance.now()
  const { body, text } = withPreset(request, endpoint, state)
  return {
    id: request.id,
    caller: request.caller,
    endpoint,
    text,
    body,
    large: request.largeBody ?? undefined,
    createdAt: Date.now(),
    startedAt,
    deadline: startedAt + patience(request.headers['x-stainless-timeout']),
    signal,
    cache: readCacheWish(request.headers['x-sira-cache']),
    traceparent: request.headers.traceparent as string | undefined,
    anthropicBeta: endpoint === '/v1/messages' ? readBeta(request.headers['anthropic-beta']) : undefined,
    unsupported: readUnsupported(request.headers['x-sira-unsupported-params'])
  }
}

/** A `preset` in the body names saved parameters; it is not sent on. */
export function withPreset (request: Pick<Received, 'caller' | 'body' | 'bodyText' | 'largeBody'>, endpoint: Endpoint, state: ControlState): { body: Readonly<Record<string, unknown>>, text: string } {
  const body = request.body as Readonly<Record<string, unknown>>
  if (body.preset === undefined) return { body, text: request.bodyText }
  const { preset, ...own } = body
  const parameters = typeof preset === 'string' ? state.presetOf(request.caller, preset) : undefined
  if (parameters === undefined) throw new SiraError('invalid_parameter', { param: 'preset', reason: 'no preset of this name is saved in the project.' }, { param: 'preset' })
  checkPreset(endpoint, parameters)
  const merged = applyPreset(parameters, own)
  if (request.largeBody != null) {
    // all else that the body names wins over the preset; messages of both would have to be joined
    if (parameters.messages !== undefined && request.largeBody.bulk.includes('messages')) throw new SiraError('invalid_parameter', { param: 'preset', reason: 'a preset with messages cannot be added to messages of this size.' }, { param: 'preset' })
    return { body: merged, text: '' }
  }
  return { body: merged, text: JSON.stringify(merged) }
}

/** Seconds, as the OpenAI SDKs say how long they wait; a hint, so nonsense is as good as nothing. */
function patience (header: string | string[] | undefined): number {
  const seconds = Number(header)
  return seconds > 0 ? Math.min(usualPatience, seconds * 1000) : usualPatience
}

/** `x-sira-cache: off`, `ttl=300` or `refresh, ttl=300`. */
export function readCacheWish (header: string | string[] | undefined): CacheWish {
  let mode: CacheWish['mode'] = 'default'
  let ttlSeconds: number | null = null
  if (header === undefined) return { mode, ttlSeconds }
  for (const word of String(header).split(',').map(part => part.trim().toLowerCase())) {
    const ttl = /^ttl=(\d{1,9})$/.exec(word)?.[1]
    if (word === 'off' || word === 'refresh') mode = word
    else if (ttl !== undefined && Number(ttl) >= 1 && Number(ttl) <= longestTtl) ttlSeconds = Number(ttl)
    else throw new SiraError('invalid_parameter', { param: 'x-sira-cache', reason: `off, refresh or ttl=seconds (1 to ${longestTtl}) is needed.` }, { param: 'x-sira-cache' })
  }
  return { mode, ttlSeconds }
}

/** Names of a few dozen characters, with commas; more would be no header of Anthropic's SDK. */
const longestBeta = 1_000

function readBeta (header: string | string[] | undefined): string | undefined {
  const beta = Array.isArray(header) ? header.join(',') : header
  if (beta === undefined || beta.length <= longestBeta) return beta
  throw new SiraError('invalid_parameter', { param: 'anthropic-beta', reason: `at most ${longestBeta} characters are possible.` }, { param: 'anthropic-beta' })
}

function readUnsupported (header: string | string[] | undefined): 'refuse' | 'drop' | null {
  if (header === undefined) return null
  if (header === 'refuse' || header === 'drop') return header
  throw new SiraError('invalid_parameter', { param: 'x-sira-unsupported-params', reason: 'refuse or drop is needed.' }, { param: 'x-sira-unsupported-params' })
}
