import type { ChatMessage, ChatRequest } from '../../contracts/chat.ts'
import { invalid, isFields, readFields, readList, readText, unsupported, type Fields } from '../faults.ts'
import { textOf } from './content.ts'
import { toolSettings } from './tools.ts'
import { turnToMessages } from './turns.ts'

/** Fields that change what is answered or where, and that chat has no word for. Hints about caches and diagnostics are left out. */
const untranslatable: ReadonlyArray<readonly [field: string, reason: string]> = [
  ['container', 'containers run only at Anthropic.'],
  ['mcp_servers', 'MCP servers are called only by Anthropic.'],
  ['context_management', 'context is edited only by Anthropic.'],
  ['inference_geo', 'the place of inference cannot be chosen there.']
]

/**
 * A body of POST /v1/messages as the chat request that asks for the same. Throws SiraError `invalid_parameter`,
 * `missing_parameter` or `unsupported_parameter` with the path of the field.
 */
export function messagesToChat (body: Fields): ChatRequest {
  const model = readText(body.model, 'model')
  for (const [field, reason] of untranslatable) {
    const value = body[field]
    if (value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)) throw unsupported(model, field, reason)
  }
  if (body.speed === 'fast') throw unsupported(model, 'speed', 'only standard speed is possible there.')
  if (body.max_tokens === 0) throw unsupported(model, 'max_tokens', 'an answer of no tokens, which only fills a cache, cannot be asked for.')
  const messages: ChatMessage[] = []
  const system = body.system === undefined || body.system === null ? '' : textOf(body.system, 'system')
  if (system !== '') messages.push({ role: 'system', content: system })
  readList(body.messages, 'messages').forEach((turn, place) => {
    messages.push(...turnToMessages(readFields(turn, `messages[${place}]`), model, `messages[${place}]`))
  })
  return { model, messages, ...settings(body), ...toolSettings(body, model) }
}

function settings (body: Fields): Partial<ChatRequest> {
  const chat: Record<string, unknown> = {}
  const copy = (from: string, to: string) => { if (body[from] !== undefined && body[from] !== null) chat[to] = body[from] }
  copy('stream', 'stream')
  copy('max_tokens', 'max_completion_tokens')
  copy('temperature', 'temperature')
  copy('top_p', 'top_p')
  copy('top_k', 'top_k') // not OpenAI's, but of most others; the table of parameters decides
  if (Array.isArray(body.stop_sequences) && body.stop_sequences.length > 0) chat.stop = body.stop_sequences
  if (isFields(body.metadata) && typeof body.metadata.user_id === 'string') chat.user = body.metadata.user_id
  if (body.service_tier === 'auto') chat.service_tier = 'auto'
  if (body.service_tier === 'standard_only') chat.service_tier = 'default'
  const effort = reasoningEffort(body)
  if (effort !== null) chat.reasoning_effort = effort
  const output = body.output_config
  if (isFields(output) && output.format !== undefined && output.format !== null) {
    const format = readFields(output.format, 'output_config.format')
    if (format.type !== 'json_schema') throw invalid('output_config.format.type', 'it must be json_schema.')
    chat.response_format = { type: 'json_schema', json_schema: { name: 'answer', schema: readFields(format.schema, 'output_config.format.schema'), strict: true } }
  }
  return chat
}

/** Tokens of thinking up to which an effort is low, then medium, and high above. */
const LOW_BUDGET = 4096
const MEDIUM_BUDGET = 16_384

/** null = the model's own default. `disabled` is that too: chat models that do not reason refuse any effort, even none. */
function reasoningEffort (body: Fields): string | null {
  const thinking = body.thinking === undefined || body.thinking === null ? null : readFields(body.thinking, 'thinking')
  if (thinking?.type === 'disabled') return null
  const effort = isFields(body.output_config) ? body.output_config.effort : null
  // "max" is above OpenAI's highest.
  if (typeof effort === 'string') return effort === 'max' ? 'xhigh' : effort
  if (thinking?.type !== 'enabled') return null
  const budget = thinking.budget_tokens
  if (typeof budget !== 'number') throw invalid('thinking.budget_tokens', 'it must be a number.')
  return budget <= LOW_BUDGET ? 'low' : budget <= MEDIUM_BUDGET ? 'medium' : 'high'
}
