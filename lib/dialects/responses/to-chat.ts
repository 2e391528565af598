import type { ChatMessage, ChatRequest, ResponseFormat } from '../../contracts/chat.ts'
import { invalid, isFields, readFields, readText, unsupported, type Fields } from '../faults.ts'
import { inputItems, type Item } from './items.ts'
import { itemsToMessages, type PlacedItem } from './items-to-messages.ts'
import { toolSettings } from './tools.ts'

/** Fields that change what is answered and need what only OpenAI has. */
const untranslatable: ReadonlyArray<readonly [field: string, reason: string]> = [
  ['prompt', 'stored prompts are only at OpenAI.'],
  ['conversation', 'there are no conversations here; use previous_response_id.'],
  ['context_management', 'context is compacted only by OpenAI.'],
  ['moderation', 'it is moderated only by OpenAI.']
]

/**
 * A body of POST /v1/responses as the chat request that asks for the same. `earlierItems` are the input and output of the responses
 * before it, oldest first; their instructions are not inherited, as at OpenAI. `referenced` holds the stored items that the input
 * names by id (see `referencedIds`). Throws SiraError `invalid_parameter`, `missing_parameter` or `unsupported_parameter` with the path.
 */
export function responsesToChat (body: Fields, earlierItems: readonly Item[], referenced: ReadonlyMap<string, Item> = new Map()): ChatRequest {
  const model = readText(body.model, 'model')
  for (const [field, reason] of untranslatable) {
    const value = body[field]
    if (value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)) throw unsupported(model, field, reason)
  }
  const known = new Map([...earlierItems.map(item => [item.id, item] as const), ...referenced])
  // Ids play no part in chat.
  const items = inputItems(body, prefix => prefix, known)
  const instructions: ChatMessage[] = typeof body.instructions === 'string' && body.instructions !== '' ? [{ role: 'system', content: body.instructions }] : []
  return {
    model,
    messages: [...instructions, ...itemsToMessages(placeItems(items, earlierItems), model)],
    ...settings(body),
    ...toolSettings(body, model)
  }
}

/** An item that is sent or referred to again, though it came before, counts once. */
function placeItems (items: readonly Item[], earlierItems: readonly Item[]): PlacedItem[] {
  const placed = earlierItems.map(item => ({ item, path: 'previous_response_id' }))
  const earlier = new Set(earlierItems.map(item => item.id))
  items.forEach((item, place) => { if (!earlier.has(item.id)) placed.push({ item, path: `input[${place}]` }) })
  return placed
}

/** OpenAI's own least. */
const LEAST_OUTPUT_TOKENS = 16

/** Metadata and store are ours to keep: OpenAI's chat refuses the one without the other. */
const shared = ['stream', 'temperature', 'top_p', 'service_tier', 'user', 'safety_identifier', 'prompt_cache_key', 'prompt_cache_retention'] as const

function settings (body: Fields): Partial<ChatRequest> {
  const chat: Record<string, unknown> = {}
  for (const field of shared) if (body[field] !== undefined && body[field] !== null) chat[field] = body[field]
  const most = body.max_output_tokens
  if (most !== undefined && most !== null) {
    if (typeof most !== 'number' || most < LEAST_OUTPUT_TOKENS) throw invalid('max_output_tokens', `it must be at least ${LEAST_OUTPUT_TOKENS}.`)
    chat.max_completion_tokens = most
  }
  const logprobs = Array.isArray(body.include) && body.include.includes('message.output_text.logprobs')
  const alternatives = typeof body.top_logprobs === 'number' && body.top_logprobs > 0
  if (logprobs || alternatives) chat.logprobs = true
  if (alternatives) chat.top_logprobs = body.top_logprobs
  if (isFields(body.reasoning) && typeof body.reasoning.effort === 'string') chat.reasoning_effort = body.reasoning.effort
  if (isFields(body.text)) {
    if (typeof body.text.verbosity === 'string') chat.verbosity = body.text.verbosity
    const format = body.text.format === undefined || body.text.format === null ? null : responseFormat(readFields(body.text.format, 'text.format'))
    if (format !== null) chat.response_format = format
  }
  return chat
}

function responseFormat (format: Fields): ResponseFormat | null {
  switch (format.type) {
    case 'text': return null
    case 'json_object': return { type: 'json_object' }
    case 'json_schema': return {
      type: 'json_schema',
      json_schema: {
        name: readText(format.name, 'text.format.name'),
        schema: readFields(format.schema, 'text.format.schema'),
        ...(typeof format.description === 'string' ? { description: format.description } : {}),
        ...(typeof format.strict === 'boolean' ? { strict: format.strict } : {})
      }
    }
    default: throw invalid('text.format.type', 'it must be text, json_object or json_schema.')
  }
}
