import type { ChatMessage, ContentPart, ToolCall } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import { toPart, unsupported } from './media.ts'
import { isOwnToolCallId, readToolCallId } from './tool-call-id.ts'
import { isObject } from './wire.ts'
import type { Content, FunctionResponse, Part } from './wire.ts'

/** What Gemini takes in place of a signature for calls that it did not make, as after a change of model. */
const foreignSignature = 'skip_thought_signature_validator'

interface Turn {
  readonly role: 'user' | 'model'
  /** Results of calls stay a turn of their own: one has to follow the turn with the calls and answer all of them. */
  readonly kind: 'said' | 'results'
  readonly parts: Part[]
}

/** What is known of the conversation so far. */
interface Conversation {
  readonly model: string
  readonly calls: Map<string, { readonly name: string, readonly place: number }>
  /** Of results: the place of the call they belong to. */
  readonly places: Map<Part, number>
}

/**
 * A conversation in Gemini's words: system and developer messages apart, consecutive messages of one side in one turn.
 * Throws a SiraError for what Gemini cannot read.
 */
export function toContents (messages: readonly ChatMessage[], model: string): { readonly system: readonly Part[], readonly contents: readonly Content[] } {
  const system: Part[] = []
  const turns: Turn[] = []
  const conversation: Conversation = { model, calls: new Map(), places: new Map() }
  messages.forEach((message, index) => {
    const param = `messages[${index}]`
    switch (isObject(message) ? message.role : null) {
      case 'system':
      case 'developer':
        system.push(...toParts(message, model, param))
        break
      case 'user':
        addParts(turns, 'user', 'said', toParts(message, model, param))
        break
      case 'assistant':
        addParts(turns, 'model', 'said', [...toParts(message, model, param), ...toCalls(message.tool_calls ?? [], conversation, param)])
        break
      case 'tool':
      case 'function':
        addParts(turns, 'user', 'results', [toResult(message, conversation, param)])
        break
      default:
        throw new SiraError('invalid_parameter', { param: `${param}.role`, reason: 'Expected system, developer, user, assistant or tool.' })
    }
  })
  for (const turn of turns) if (turn.kind === 'results') sortByCall(turn.parts, conversation)
  // a conversation of system messages only is none to Gemini, while OpenAI answers it
  if (turns.length === 0) return { system: [], contents: system.length === 0 ? [] : [{ role: 'user', parts: system }] }
  return { system, contents: turns.map(({ role, parts }) => ({ role, parts })) }
}

function addParts (turns: Turn[], role: Turn['role'], kind: Turn['kind'], parts: readonly Part[]): void {
  // Gemini refuses a turn without parts
  if (parts.length === 0) return
  const last = turns.at(-1)
  if (last?.role === role && last.kind === kind) last.parts.push(...parts)
  else turns.push({ role, kind, parts: [...parts] })
}

function toParts ({ content, refusal }: ChatMessage, model: string, param: string): Part[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content }]
  if (Array.isArray(content)) return content.map((part: ContentPart, index) => partOf(part, model, `${param}.content[${index}]`))
  if (content !== null && content !== undefined) throw new SiraError('invalid_parameter', { param: `${param}.content`, reason: 'Expected a text or a list of parts.' })
  return typeof refusal === 'string' && refusal !== '' ? [{ text: refusal }] : []
}

function partOf (part: ContentPart, model: string, param: string): Part {
  try {
    return toPart(part, model, param)
  } catch (error) {
    if (error instanceof SiraError) throw error
    throw new SiraError('invalid_parameter', { param, reason: 'It is not a content part.' }, { cause: error })
  }
}

/** Of calls made at once only the first has a signature, and only there Gemini asks for one. */
function toCalls (toolCalls: readonly ToolCall[], { model, calls }: Conversation, param: string): Part[] {
  return toolCalls.map((call, index) => {
    const at = `${param}.tool_calls[${index}]`
    if (typeof call?.function?.name !== 'string' || typeof call.id !== 'string') throw unsupported(model, at, 'Only calls of functions can be sent.')
    const { id, signature: fromId } = readToolCallId(call.id)
    const given: unknown = call.extra_content?.google?.thought_signature
    const signature = (typeof given === 'string' ? given : null) ?? fromId ?? (index === 0 && needsSignature(model) ? foreignSignature : null)
    calls.set(id, { name: call.function.name, place: calls.size })
    return {
      functionCall: { ...idOf(id), name: call.function.name, args: readArguments(call.function.arguments, `${at}.function.arguments`) },
      ...(signature !== null && { thoughtSignature: signature })
    }
  })
}

/** Gemini 2 and older make no signatures. */
function needsSignature (model: string): boolean {
  return !/gemini-[12]\b/.test(model)
}

function readArguments (text: string, param: string): Record<string, unknown> {
  // clients that collect a stream end up with '' for a call without arguments
  if (text === '' || text === undefined) return {}
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch (error) {
    throw new SiraError('invalid_parameter', { param, reason: 'It is not valid JSON.' }, { cause: error })
  }
  throw new SiraError('invalid_parameter', { param, reason: 'Expected a JSON object.' })
}

/** Gemini wants the function's name with its result and the result as an object; OpenAI's message has neither. */
function toResult (message: ChatMessage, { model, calls, places }: Conversation, param: string): Part {
  const id = typeof message.tool_call_id === 'string' ? readToolCallId(message.tool_call_id).id : null
  const call = id === null ? undefined : calls.get(id)
  const name = call?.name ?? message.name
  if (typeof name !== 'string') throw new SiraError('invalid_parameter', { param: `${param}.tool_call_id`, reason: 'No earlier message has a tool call with this id.' })
  const parts = toParts(message, model, param)
  const media: Array<NonNullable<FunctionResponse['parts']>[number]> = []
  let text = ''
  for (const part of parts) {
    if (part.inlineData !== undefined) media.push({ inlineData: part.inlineData })
    else if (part.fileData !== undefined) media.push({ fileData: part.fileData })
    else text += part.text ?? ''
  }
  const part: Part = { functionResponse: { ...(id !== null && idOf(id)), name, response: { output: readOutput(text) }, ...(media.length > 0 && { parts: media }) } }
  places.set(part, call?.place ?? Infinity)
  return part
}

/** Always under `output`: of a result that has that name or `error` itself, Gemini would take only these for the result. */
function readOutput (text: string): unknown {
  if (!text.trimStart().startsWith('{')) return text
  try {
    return JSON.parse(text) as unknown
  } catch {
    return text
  }
}

/** Sent only where Gemini gave one. */
function idOf (id: string): { readonly id?: string } {
  return isOwnToolCallId(id) ? {} : { id }
}

/** Without ids Gemini tells results of one function apart by their order, and clients return them as they come in. */
function sortByCall (parts: Part[], { places }: Conversation): void {
  parts.sort((one, other) => places.get(one)! - places.get(other)! || 0)
}
