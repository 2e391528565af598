import { asciiJson } from '../answers/answer.ts'
import type { JsonObject } from '../answers/answer.ts'
import { textPieces } from '../text.ts'
import type { Block } from './messages.ts'

interface WholeMessage extends JsonObject {
  readonly content: readonly Block[]
  readonly stop_reason: string
  readonly stop_sequence: string | null
  readonly usage: JsonObject
}

/** The frames of a streamed message: it begins with the input's usage, and the output's comes at the end. */
export function messageEvents (message: WholeMessage): string[] {
  const frames: string[] = []
  const push = (type: string, fields: JsonObject = {}): void => { frames.push(`event: ${type}\ndata: ${asciiJson({ type, ...fields })}\n\n`) }
  const { usage } = message
  const begun = { ...usage, output_tokens: 1, output_tokens_details: null }
  push('message_start', { message: { ...message, content: [], stop_reason: null, stop_sequence: null, usage: begun } })
  message.content.forEach((block, index) => {
    push('content_block_start', { index, content_block: emptied(block) })
    if (index === 0) push('ping')
    for (const delta of deltasOf(block)) push('content_block_delta', { index, delta })
    push('content_block_stop', { index })
  })
  push('message_delta', {
    delta: { stop_reason: message.stop_reason, stop_sequence: message.stop_sequence, stop_details: null },
    usage: {
      input_tokens: usage['input_tokens'],
      cache_creation_input_tokens: usage['cache_creation_input_tokens'],
      cache_read_input_tokens: usage['cache_read_input_tokens'],
      output_tokens: usage['output_tokens'],
      output_tokens_details: usage['output_tokens_details'],
      server_tool_use: null
    }
  })
  push('message_stop')
  return frames
}

function emptied (block: Block): JsonObject {
  switch (block.type) {
    case 'thinking': return { ...block, thinking: '', signature: '' }
    case 'text': return { ...block, text: '', citations: null }
    case 'tool_use': return { ...block, input: {} }
  }
}

function deltasOf (block: Block): JsonObject[] {
  switch (block.type) {
    case 'thinking':
      return [...textPieces(block.thinking).map(thinking => ({ type: 'thinking_delta', thinking })), { type: 'signature_delta', signature: block.signature }]
    case 'text':
      return textPieces(block.text).map(text => ({ type: 'text_delta', text }))
    case 'tool_use': {
      // the real one sends an empty delta first, and nothing else for a call without arguments
      const json = JSON.stringify(block.input)
      return ['', ...json === '{}' ? [] : textPieces(json)].map(text => ({ type: 'input_json_delta', partial_json: text }))
    }
  }
}
