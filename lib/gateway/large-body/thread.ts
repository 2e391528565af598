/** Runs in a worker thread: what would hold up the event loop for longer than other requests may wait. */
import { isUtf8 } from 'node:buffer'
import { Ajv, type ValidateFunction } from 'ajv'
import type { ChatRequest } from '../../contracts/chat.ts'
import { ChatBody, CompletionsBody, EmbeddingsBody, ModerationsBody } from '../../dialects/chat-schema.ts'
import { checkMessages } from '../../dialects/check-messages.ts'
import { MessagesBody } from '../../dialects/messages/schema.ts'
import { isDeeperThan, maxBodyDepth } from '../../domain/batch-line.ts'
import { estimateInputTokens } from '../../domain/estimate-tokens.ts'
import { SiraError, type ErrorCode, type ErrorParams } from '../../errors.ts'
import { toMessagesRequest } from '../../providers/anthropic/request.ts'
import { toGenerateContent } from '../../providers/gemini/request.ts'
import { fitParameters } from '../../providers/parameters/index.ts'
import type { Endpoint } from '../../providers/types.ts'
import { vendors, type VendorKind } from '../../providers/vendors.ts'
import { translate } from '../translation.ts'
import { withBulk, withStandIns } from './stand-ins.ts'

/** Errors as data: an exception would lose its code on the way. */
export type Told<Result> = { readonly ok: Result } | { readonly error: { readonly code: ErrorCode, readonly params: ErrorParams, readonly param: string | null } }

export interface Inspected {
  /** The body with stand-ins for its bulk. */
  readonly small: Readonly<Record<string, unknown>>
  readonly inputTokens: number
}

export interface RenderOrder {
  readonly bytes: Uint8Array
  readonly small: Readonly<Record<string, unknown>>
  readonly endpoint: Endpoint
  readonly native: boolean
  readonly kind: VendorKind
  readonly upstream: string
  readonly unsupported: 'refuse' | 'drop'
}

export interface Rendered { readonly wire: Uint8Array, readonly dropped: readonly string[] }

const ajv = new Ajv({ strict: false })
const schemas: Partial<Record<Endpoint, object>> = {
  '/v1/chat/completions': ChatBody, '/v1/completions': CompletionsBody, '/v1/embeddings': EmbeddingsBody, '/v1/moderations': ModerationsBody, '/v1/messages': MessagesBody
}
const validators = new Map<Endpoint, ValidateFunction>()

/** Everything that can be wrong with a body, and what has to be known of it. */
export function inspect ({ bytes, endpoint }: { bytes: Uint8Array, endpoint: Endpoint }): Told<Inspected> {
  return told(() => {
    const text = decode(bytes)
    const body = parse(text)
    if (isDeeperThan(body, maxBodyDepth + 4)) throw new SiraError('invalid_json', { reason: `it is nested deeper than ${maxBodyDepth + 4} levels.` })
    validate(endpoint, body)
    if (endpoint === '/v1/chat/completions') checkMessages(body.messages as readonly unknown[])
    return { small: withStandIns(body), inputTokens: estimateInputTokens(text) }
  })
}

/** The body as one target gets it, in the words of its wire. */
export function render (order: RenderOrder): Told<Rendered> {
  return told(() => {
    const body = withBulk(order.small, parse(decode(order.bytes)))
    const { endpoint, native, kind, upstream, unsupported } = order
    if (native && endpoint !== '/v1/chat/completions') return { wire: encode({ ...body, model: upstream }), dropped: [] }
    const chat = native ? body as ChatRequest : translate(endpoint, body)!.chat
    const { body: fitted, dropped } = fitParameters(kind, upstream, chat, unsupported)
    return { wire: encode(toWire(kind, { ...fitted, model: upstream })), dropped }
  })
}

function toWire (kind: VendorKind, chat: ChatRequest): object {
  const { dialect, streamOptions } = vendors[kind]
  if (dialect === 'anthropic') return toMessagesRequest(chat)
  if (dialect === 'gemini') return toGenerateContent(chat)
  const { stream_options: asked, ...rest } = chat
  if (chat.stream !== true || !streamOptions) return rest
  return { ...rest, stream_options: { ...asked, include_usage: true } }
}

function decode (bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new SiraError('invalid_json', { reason: 'it is not UTF-8.' })
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function parse (text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new SiraError('invalid_json', { reason: (error as Error).message.slice(0, 200) })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SiraError('invalid_json', { reason: 'an object is needed.' })
  return value as Record<string, unknown>
}

function encode (body: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(body))
}

function validate (endpoint: Endpoint, body: object): void {
  let validator = validators.get(endpoint)
  if (validator === undefined) validators.set(endpoint, validator = ajv.compile(schemas[endpoint]!))
  if (validator(body)) return
  const { instancePath = '', message = 'is not valid', params } = validator.errors![0]!
  const missing = (params as { missingProperty?: string }).missingProperty
  const path = [...instancePath.split('/').slice(1), ...(missing === undefined ? [] : [missing])].join('.')
  if (missing !== undefined) throw new SiraError('missing_parameter', { param: path })
  throw new SiraError('invalid_parameter', { param: path, reason: `it ${message}.` }, { param: path })
}

function told<Result> (work: () => Result): Told<Result> {
  try {
    return { ok: work() }
  } catch (error) {
    if (!(error instanceof SiraError)) throw error
    return { error: { code: error.code, params: error.params, param: error.param } }
  }
}
