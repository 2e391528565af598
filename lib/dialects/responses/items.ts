import type { ToolCall } from '../../contracts/chat.ts'
import { invalid, isFields, missing, readFields, readList, type Fields } from '../faults.ts'

/** A part of an input or output as it is stored and listed: normalised, with an id. */
export interface Item extends Fields {
  readonly id: string
  readonly type: string
}

export type OutputItem = MessageItem | ReasoningItem | FunctionCallItem

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete'

export type TextPart = { readonly type: 'output_text', text: string, readonly annotations: readonly unknown[], logprobs: unknown[] }
export type RefusalPart = { readonly type: 'refusal', refusal: string }

export interface MessageItem {
  readonly id: string
  readonly type: 'message'
  readonly role: 'assistant'
  status: ItemStatus
  readonly content: Array<TextPart | RefusalPart>
}

/** What the model thought: as a summary where the caller asked for one, else as it is. */
export interface ReasoningItem {
  readonly id: string
  readonly type: 'reasoning'
  readonly summary: Array<{ readonly type: 'summary_text', text: string }>
  readonly content: Array<{ readonly type: 'reasoning_text', text: string }>
  encrypted_content: string | null
}

export interface FunctionCallItem {
  readonly id: string
  readonly type: 'function_call'
  call_id: string
  name: string
  arguments: string
  status: ItemStatus
  /** Gemini's thought signature, as in chat. */
  extra_content?: ToolCall['extra_content']
}

/** Makes an id with the given prefix (`msg_`). */
export type NewId = (prefix: string) => string

const prefixes: Readonly<Record<string, string>> = { message: 'msg_', function_call: 'fc_', function_call_output: 'fco_', reasoning: 'rs_' }

/**
 * The input of a request as items with ids, for GET …/input_items and for the responses that follow this one. `referenced` holds the
 * stored items that it names by id. Throws SiraError with the path of the fault.
 */
export function inputItems (body: Fields, newId: NewId, referenced: ReadonlyMap<string, Item> = new Map()): Item[] {
  const { input } = body
  if (input === undefined || input === null) throw missing('input')
  if (typeof input === 'string') return [message('user', [{ type: 'input_text', text: input }], newId('msg_'))]
  return readList(input, 'input').map((value, place) => normalise(readFields(value, `input[${place}]`), newId, referenced, `input[${place}]`))
}

/** The ids of stored items that an input refers to, for the caller to read before it is translated. */
export function referencedIds (body: Fields): string[] {
  if (!Array.isArray(body.input)) return []
  return body.input.flatMap((item: unknown) => isFields(item) && isReference(item) && typeof item.id === 'string' ? [item.id] : [])
}

function normalise (item: Fields, newId: NewId, referenced: ReadonlyMap<string, Item>, path: string): Item {
  if (isReference(item)) {
    const found = typeof item.id === 'string' ? referenced.get(item.id) : undefined
    if (found === undefined) throw invalid(`${path}.id`, 'there is no stored item with this id.')
    return found
  }
  // A message may leave its type out.
  const type = item.type === undefined || item.type === null ? 'message' : item.type
  const prefix = typeof type === 'string' && Object.hasOwn(prefixes, type) ? prefixes[type] : undefined
  if (typeof type !== 'string' || prefix === undefined) throw invalid(`${path}.type`, `items of type ${JSON.stringify(type).slice(0, 66)} are not possible for this model.`)
  const id = typeof item.id === 'string' && item.id !== '' ? item.id : newId(prefix)
  if (type === 'message') {
    const said = item.role === 'assistant' ? 'output_text' : 'input_text'
    const content = typeof item.content === 'string'
      ? [{ type: said, text: item.content, ...(said === 'output_text' ? { annotations: [], logprobs: [] } : {}) }]
      : readList(item.content, `${path}.content`)
    return message(item.role, content, id)
  }
  return type === 'reasoning' ? { ...item, type, id } : { status: 'completed', ...item, type, id }
}

function message (role: unknown, content: readonly unknown[], id: string): Item {
  return { id, type: 'message', role, status: 'completed', content }
}

function isReference (item: Fields): boolean {
  return item.type === 'item_reference' || ((item.type === undefined || item.type === null) && item.role === undefined && typeof item.id === 'string')
}
