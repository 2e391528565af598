import type { ChatMessage, ContentPart, ThinkingBlock, ToolCall } from '../../contracts/chat.ts'
import { invalid, readFields, readList, readText, type Fields } from '../faults.ts'
import { blockToParts, blocksToParts, simplest, textOf, unknownBlock } from './content.ts'

/** One of Anthropic's messages as the chat messages that say the same. */
export function turnToMessages (turn: Fields, model: string, path: string): ChatMessage[] {
  switch (turn.role) {
    case 'user': return userTurn(turn.content, model, `${path}.content`)
    case 'assistant': return [assistantTurn(turn.content, model, `${path}.content`)]
    case 'system': return [{ role: 'system', content: textOf(turn.content, `${path}.content`) }]
    default: throw invalid(`${path}.role`, 'it must be user, assistant or system.')
  }
}

/**
 * Results of tools become messages of their own, which chat wants right after the calls: so they go first, and what else the
 * user said after them. Chat's tool messages are text only: images and files of a result go to that user message.
 */
function userTurn (content: unknown, model: string, path: string): ChatMessage[] {
  if (typeof content === 'string') return [{ role: 'user', content }]
  const results: ChatMessage[] = []
  const attached: ContentPart[] = []
  const said: ContentPart[] = []
  readList(content, path).forEach((value, place) => {
    const block = readFields(value, `${path}[${place}]`)
    if (block.type !== 'tool_result') {
      said.push(...blockToParts(block, model, `${path}[${place}]`))
      return
    }
    const id = readText(block.tool_use_id, `${path}[${place}].tool_use_id`)
    const parts = resultParts(block.content, model, `${path}[${place}].content`)
    const rest = parts.filter(part => part.type !== 'text')
    const text = parts.flatMap(part => part.type === 'text' ? [part.text] : []).join('\n')
    results.push({ role: 'tool', tool_call_id: id, content: block.is_error === true ? `Error: ${text}` : text })
    if (rest.length > 0) attached.push({ type: 'text', text: `Attached to the result of ${id}:` }, ...rest)
  })
  const parts = [...attached, ...said]
  return parts.length === 0 && results.length > 0 ? results : [...results, { role: 'user', content: simplest(parts) }]
}

function resultParts (content: unknown, model: string, path: string): ContentPart[] {
  if (content === undefined || content === null) return []
  return typeof content === 'string' ? [{ type: 'text', text: content }] : blocksToParts(readList(content, path), model, path)
}

function assistantTurn (content: unknown, model: string, path: string): ChatMessage {
  if (typeof content === 'string') return { role: 'assistant', content }
  let text = ''
  const thinking: ThinkingBlock[] = []
  const calls: ToolCall[] = []
  readList(content, path).forEach((value, place) => {
    const at = `${path}[${place}]`
    const block = readFields(value, at)
    switch (block.type) {
      case 'text': text += readText(block.text, `${at}.text`); break
      case 'thinking': thinking.push({
        type: 'thinking',
        thinking: readText(block.thinking, `${at}.thinking`),
        ...(typeof block.signature === 'string' ? { signature: block.signature } : {})
      }); break
      case 'redacted_thinking': thinking.push({ type: 'redacted_thinking', data: readText(block.data, `${at}.data`) }); break
      case 'tool_use': calls.push(toolCall(block, at)); break
      default: throw unknownBlock(block, model, at)
    }
  })
  const thought = thinking.flatMap(block => block.type === 'thinking' && block.thinking !== '' ? [block.thinking] : []).join('\n')
  return {
    role: 'assistant',
    content: text === '' && calls.length > 0 ? null : text,
    ...(thought === '' ? {} : { reasoning_content: thought }),
    ...(thinking.length === 0 ? {} : { thinking_blocks: thinking }),
    ...(calls.length === 0 ? {} : { tool_calls: calls })
  }
}

function toolCall (block: Fields, path: string): ToolCall {
  return {
    id: readText(block.id, `${path}.id`),
    type: 'function',
    function: { name: readText(block.name, `${path}.name`), arguments: JSON.stringify(readFields(block.input, `${path}.input`)) },
    // Gemini's thought signature, which chat-to-message put there.
    ...(block.extra_content === undefined ? {} : { extra_content: readFields(block.extra_content, `${path}.extra_content`) })
  }
}
