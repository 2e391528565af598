/** Runs in a worker thread: what would hold up the event loop for longer than other requests may wait. */
import { Ajv, type ValidateFunction } from 'ajv'
import type { ChatRequest } from '../../contracts/chat.ts'
import { ChatBody, CompletionsBody, EmbeddingsBody, ModerationsBody } from '../../dialects/chat-schema.ts'
import { checkMessages } from '../../dialects/check-messages.ts'
import { MessagesBody } from '../../dialects/messages/schema.ts'
import { referencedIds } from '../../dialects/responses/index.ts'
import { ResponsesBody } from '../../dialects/responses/schema.ts'
import { boundInput, type InputBound } from '../../domain/estimate-tokens.ts'
import { SiraError } from '../../errors.ts'
import { toMessagesRequest } from '../../providers/anthropic/request.ts'
import { toBatchEmbedContents } from '../../providers/gemini/embeddings.ts'
import { toGenerateContent } from '../../providers/gemini/request.ts'
import { fitEmbeddings, fitParameters } from '../../providers/parameters/index.ts'
import type { Endpoint } from '../../providers/types.ts'
import { vendors, type VendorKind } from '../../providers/vendors.ts'
import { withNativeHistory } from '../native-history.ts'
import { translate } from '../translation.ts'
import { checkDepth } from './check-depth.ts'
import { readObject, toBytes } from './json-bytes.ts'
import { split, unite, type Split } from './stand-ins.ts'
import { told, type Told } from './told.ts'

export interface Inspected extends Split {
  readonly input: InputBound
  /** Whether a responses' input names stored items by id. */
  readonly refers: boolean
}

export interface RenderOrder {
  readonly bytes: Uint8Array
  readonly bulk: readonly string[]
  /** The small fields as they are by now. */
  readonly small: Readonly<Record<string, unknown>>
  readonly endpoint: Endpoint
  readonly native: boolean
  readonly kind: VendorKind
  readonly upstream: string
  readonly unsupported: 'refuse' | 'drop'
}

export interface Rendered { readonly wire: Uint8Array<ArrayBuffer>, readonly dropped: readonly string[] }

// as api/plugins/validation.ts, which checks small bodies. strictNumbers: JSON.parse makes Infinity of 1e999
const ajv = new Ajv({ strict: false, strictNumbers: true })
const schemas: Readonly<Record<Endpoint, object>> = {
  '/v1/chat/completions': ChatBody,
  '/v1/completions': CompletionsBody,
  '/v1/responses': ResponsesBody,
  '/v1/embeddings': EmbeddingsBody,
  '/v1/moderations': ModerationsBody,
  '/v1/messages': MessagesBody
}
const validators = new Map<Endpoint, ValidateFunction>()

/** Everything that can be wrong with a body, and what has to be known of it. */
export async function inspect ({ bytes, endpoint }: { bytes: Uint8Array, endpoint: Endpoint }): Promise<Told<Inspected>> {
  return await told(() => {
    const { text, body } = readObject(bytes)
    return inspectBody(endpoint, body, text)
  })
}

/** `text` = the body as JSON. Throws SiraError. */
export function inspectBody (endpoint: Endpoint, body: Record<string, unknown>, text: string): Inspected {
  checkDepth(body)
  validate(endpoint, body)
  if (endpoint === '/v1/chat/completions') checkMessages(body.messages as readonly unknown[])
  return { ...split(body), input: boundInput(text, body), refers: endpoint === '/v1/responses' && referencedIds(body).length > 0 }
}

/** The body as one target gets it, in the words of its wire. */
export async function render (order: RenderOrder): Promise<Told<Rendered>> {
  return await told(() => {
    const { endpoint, native, kind, upstream, unsupported } = order
    const body = unite(order.small, readObject(order.bytes).body, order.bulk)
    if (endpoint === '/v1/embeddings') {
      const { body: fitted, dropped } = fitEmbeddings(kind, body, unsupported)
      return { wire: encode(vendors[kind].dialect === 'gemini' ? toBatchEmbedContents({ ...fitted, model: upstream, input: fitted.input }) : { ...fitted, model: upstream }), dropped }
    }
    if (native && endpoint !== '/v1/chat/completions') return { wire: encode({ ...withNativeHistory(endpoint, body), model: upstream }), dropped: [] }
    const chat = native ? body as unknown as ChatRequest : translate(endpoint, body)!.chat
    const { body: fitted, dropped } = fitParameters(kind, upstream, chat, unsupported)
    return { wire: encode(toWire(kind, { ...fitted, model: upstream })), dropped }
  }, ({ wire }) => [wire])
}

function toWire (kind: VendorKind, chat: ChatRequest): object {
  const { dialect, streamOptions } = vendors[kind]
  if (dialect === 'anthropic') return toMessagesRequest(chat)
  if (dialect === 'gemini') return toGenerateContent(chat)
  const { stream_options: asked, ...rest } = chat
  if (chat.stream !== true || !streamOptions) return rest
  return { ...rest, stream_options: { ...asked, include_usage: true } }
}

function encode (body: object): Uint8Array<ArrayBuffer> {
  return toBytes(JSON.stringify(body))
}

function validate (endpoint: Endpoint, body: object): void {
  let validator = validators.get(endpoint)
  if (validator === undefined) validators.set(endpoint, validator = ajv.compile(schemas[endpoint]))
  if (validator(body)) return
  const { instancePath = '', message = 'is not valid', params } = validator.errors![0]!
  const missing = (params as { missingProperty?: string }).missingProperty
  const path = [...instancePath.split('/').slice(1), ...(missing === undefined ? [] : [missing])].join('.')
  if (missing !== undefined) throw new SiraError('missing_parameter', { param: path })
  throw new SiraError('invalid_parameter', { param: path, reason: `it ${message}.` }, { param: path })
}
