import { createHash } from 'node:crypto'
import { readToolCallId } from '../gemini/tool-call-id.ts'
import { isObject } from '../json-object.ts'
import type { VendorKind } from '../vendors.ts'

type Message = Readonly<Record<string, unknown>>

/** OpenAI's own limit of a call's id. */
const longestId = 40
/** Mistral refuses every other id of a call (langchain #24668). */
const mistralId = /^[a-zA-Z0-9]{9}$/
/** DeepSeek and Mistral refuse the role, templates of open models do not know it; `system` says the same to them. */
const withoutDeveloper: ReadonlySet<VendorKind> = new Set<VendorKind>(['vllm', 'ollama', 'groq', 'together', 'deepseek', 'mistral'])
/**
 * They refuse a message with a field that is not theirs, also when it is null (litellm #30835, vellum-assistant #42635): what answers of
 * others, and of our adapters, have beyond theirs, which clients send back as it came.
 */
const foreignFields: Readonly<Partial<Record<VendorKind, readonly string[]>>> = {
  groq: ['reasoning_content', 'reasoning_details', 'thinking_blocks', 'refusal', 'annotations'],
  mistral: ['reasoning_content', 'reasoning', 'reasoning_details', 'thinking_blocks', 'refusal', 'annotations']
}

/**
 * A conversation in the words of one vendor, whoever gave its answers so far: ids of calls as long as they may be (Gemini's carry a
 * signature), no fields that are refused, no role that is not known. The list that was given, where nothing has to change.
 */
export function fitMessages (kind: VendorKind, messages: readonly unknown[]): readonly unknown[] {
  if (kind === 'gemini') return messages
  let fitted: unknown[] | null = null
  for (let place = 0; place < messages.length; place++) {
    const message = messages[place]
    if (!isObject(message) || message.role === 'user' || message.role === 'system') continue
    const other = fitMessage(kind, message)
    if (other === message) continue
    fitted ??= messages.slice()
    fitted[place] = other
  }
  return fitted ?? messages
}

function fitMessage (kind: VendorKind, message: Message): Message {
  switch (message.role) {
    case 'developer': return withoutDeveloper.has(kind) ? { ...message, role: 'system' } : message
    case 'tool': return fitResult(kind, message)
    case 'assistant': return fitCalls(kind, withoutForeign(message, foreignFields[kind]))
    default: return message
  }
}

function fitResult (kind: VendorKind, message: Message): Message {
  const { tool_call_id: id } = message
  const fitted = typeof id === 'string' ? fitId(kind, id) : id
  return fitted === id ? message : { ...message, tool_call_id: fitted }
}

function fitCalls (kind: VendorKind, message: Message): Message {
  const { tool_calls: calls } = message
  if (!Array.isArray(calls)) return message
  let changed = false
  const fitted = calls.map((call: unknown) => {
    if (!isObject(call) || typeof call.id !== 'string') return call
    const id = fitId(kind, call.id)
    const signed = foreignFields[kind] !== undefined && call.extra_content !== undefined
    if (id === call.id && !signed) return call
    changed = true
    const { extra_content: signature, ...rest } = call
    return { ...rest, id, ...(signature !== undefined && !signed && { extra_content: signature }) }
  })
  return changed ? { ...message, tool_calls: fitted } : message
}

/** The same id for a call and for its result. */
function fitId (kind: VendorKind, given: string): string {
  const { id } = readToolCallId(given)
  if (kind === 'mistral') return mistralId.test(id) ? id : digest(id).slice(0, 9)
  return id.length > longestId && kind !== 'anthropic' ? `call_${digest(id).slice(0, 32)}` : id
}

function digest (id: string): string {
  return createHash('sha256').update(id).digest('hex')
}

function withoutForeign (message: Message, foreign: readonly string[] | undefined): Message {
  if (foreign === undefined || !foreign.some(field => message[field] !== undefined)) return message
  const rest = { ...message }
  for (const field of foreign) delete rest[field]
  // a refusal is what was said
  if (typeof message.refusal === 'string' && (rest.content === null || rest.content === undefined)) rest.content = message.refusal
  return rest
}
