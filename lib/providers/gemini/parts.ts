import type { ToolCall } from '../../contracts/chat.ts'
import { newToolCallId, writeToolCallId } from './tool-call-id.ts'
import { isObject, objectsOf } from './wire.ts'

export interface Said {
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly ToolCall[]
}

const nothing: Said = { text: '', reasoning: '', calls: [] }

/**
 * What a candidate's content says. Parts are untrusted: what has another shape is passed over. `ids` are the ids of the answer's
 * calls so far, so that each has its own, also where Gemini gives none or one twice.
 */
export function readParts (content: unknown, ids: Set<string>): Said {
  const parts = objectsOf(isObject(content) ? content.parts : null)
  if (parts.length === 0) return nothing
  let text = ''
  let reasoning = ''
  const calls: ToolCall[] = []
  for (const part of parts) {
    if (typeof part.text === 'string') {
      if (part.thought === true) reasoning += part.text
      else text += part.text
    } else if (isObject(part.functionCall)) {
      calls.push(readCall(part.functionCall, typeof part.thoughtSignature === 'string' ? part.thoughtSignature : null, ids))
    }
  }
  return { text, reasoning, calls }
}

function readCall (call: Record<string, unknown>, signature: string | null, ids: Set<string>): ToolCall {
  const id = typeof call.id === 'string' && call.id !== '' && !ids.has(call.id) ? call.id : newToolCallId()
  ids.add(id)
  return {
    id: writeToolCallId(id, signature),
    type: 'function',
    // a call without arguments has none at all here, and has to be '{}' there (litellm #5064)
    function: { name: typeof call.name === 'string' ? call.name : '', arguments: isObject(call.args) ? JSON.stringify(call.args) : '{}' },
    ...(signature !== null && { extra_content: { google: { thought_signature: signature } } })
  }
}
