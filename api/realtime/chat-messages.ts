import { SiraError } from '../../lib/errors.ts'

/**
 * The protocol of /api/v1/chat/stream, JSON messages. A client names its requests; the id only has to be unique among those
 * under way on this socket.
 */
export type ClientMessage =
  | { readonly type: 'request', readonly id: string, readonly body: Readonly<Record<string, unknown>>, readonly headers: Readonly<Record<string, string>> }
  | { readonly type: 'cancel', readonly id: string }

export type ServerMessage =
  /** The answer begins; `headers` are those of the HTTP surface. */
  | { readonly type: 'begin', readonly id: string, readonly request_id: string, readonly headers: Readonly<Record<string, string>> }
  /** `data`: one chat.completion.chunk. */
  | { readonly type: 'event', readonly id: string, readonly data: unknown }
  /** The answer is complete. cost: USD as decimal text; null = unknown. */
  | { readonly type: 'done', readonly id: string, readonly cost: string | null }
  | { readonly type: 'cancelled', readonly id: string }
  /** Of one request; without an id, of the message itself. */
  | { readonly type: 'error', readonly id?: string, readonly error: object }

/** Reads one message. Throws SiraError invalid_json or invalid_parameter. */
export function parseClientMessage (text: string): ClientMessage {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new SiraError('invalid_json', { reason: (error as Error).message.slice(0, 200) })
  }
  if (!isObject(value)) throw new SiraError('invalid_json', { reason: 'an object is needed.' })
  return readClientMessage(value)
}

/** As parseClientMessage, of a message that was parsed. */
export function readClientMessage (value: Readonly<Record<string, unknown>>): ClientMessage {
  const { type, id, body, headers = {} } = value
  if (typeof id !== 'string' || id === '' || id.length > 128) throw wrong('id', 'text of 1 to 128 characters is needed.')
  if (type === 'cancel') return { type, id }
  if (type !== 'request') throw wrong('type', 'request or cancel is needed.')
  if (!isObject(body)) throw wrong('body', 'a chat completion request is needed.')
  if (!isObject(headers) || Object.values(headers).some(header => typeof header !== 'string')) throw wrong('headers', 'an object of texts is needed.')
  return { type, id, body: { ...body, stream: true }, headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name.toLowerCase(), text as string])) }
}

function wrong (param: string, reason: string): SiraError {
  return new SiraError('invalid_parameter', { param, reason }, { param })
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
