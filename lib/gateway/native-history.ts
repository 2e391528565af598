import { isSealedThinking } from '../dialects/responses/index.ts'
import { readToolCallId } from '../providers/gemini/tool-call-id.ts'
import type { Endpoint } from '../providers/types.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * A body that goes to a provider of its own dialect, without what other providers' answers left in its conversation and this one
 * refuses: thoughts that nobody signed, Gemini's signatures. OpenAI is asked to store nothing, so it also refuses reasoning of its
 * own that is only an id (opencode #7724). The body that was given, where nothing has to change.
 */
export function withNativeHistory (endpoint: Endpoint, body: Fields): Fields {
  if (endpoint === '/v1/messages') return withEach(body, 'messages', nativeTurn)
  return endpoint === '/v1/responses' ? withEach(body, 'input', nativeItem) : body
}

function nativeTurn (turn: Fields): Fields | null {
  const native = withEach(turn, 'content', nativeBlock)
  // of what was only thought nothing is left; Anthropic refuses a turn that says nothing
  return native !== turn && (native['content'] as unknown[]).length === 0 ? null : native
}

function nativeBlock (block: Fields): Fields | null {
  switch (block['type']) {
    // so our translation signs what nobody signed; servers other than Anthropic's leave the field out, or want their own back (hermes-agent #16748)
    case 'thinking': return block['signature'] === '' ? null : block
    case 'tool_use': return withoutSignature(block, 'id')
    case 'tool_result': return withoutSignature(block, 'tool_use_id')
    default: return block
  }
}

function nativeItem (item: Fields): Fields | null {
  switch (item['type']) {
    case 'reasoning': return typeof item['encrypted_content'] === 'string' && !isSealedThinking(item['encrypted_content']) ? item : null
    case 'function_call':
    case 'function_call_output': return withoutSignature(item, 'call_id')
    default: return item
  }
}

function withoutSignature (part: Fields, field: string): Fields {
  const given = part[field]
  const id = typeof given === 'string' ? readToolCallId(given).id : given
  if (id === given && part['extra_content'] === undefined) return part
  const { extra_content: _, ...rest } = part
  return { ...rest, [field]: id }
}

/** `holder` with each object of a list changed; null = it is left out. */
function withEach (holder: Fields, field: string, change: (entry: Fields) => Fields | null): Fields {
  const list = holder[field]
  if (!Array.isArray(list)) return holder
  let changed = false
  const entries: unknown[] = []
  for (const entry of list as unknown[]) {
    const other = isFields(entry) ? change(entry) : entry
    changed ||= other !== entry
    if (other !== null || entry === null) entries.push(other)
  }
  return changed ? { ...holder, [field]: entries } : holder
}

function isFields (value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
