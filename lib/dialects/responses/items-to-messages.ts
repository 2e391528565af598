import type { ChatMessage, ContentPart, ThinkingBlock, ToolCall } from '../../contracts/chat.ts'
import { invalid, isFields, readFields, readText, type Fields } from '../faults.ts'
import { contentToParts } from './content.ts'
import type { Item } from './items.ts'
import { openThinking } from './thinking.ts'

/** What the assistant said, thought and called in one turn, which chat has in one message. */
interface Turn {
  text: string
  refusal: string
  reasoning: string
  thinking: ThinkingBlock[]
  calls: ToolCall[]
}

/** An item and the path that its faults are named under. */
export interface PlacedItem {
  readonly item: Item
  readonly path: string
}

/**
 * Items as chat messages. Chat's tool messages are text
 * only: images and files that a function gave back follow its results as a user message.
 */
export function itemsToMessages (items: readonly PlacedItem[], model: string): ChatMessage[] {
  const messages: ChatMessage[] = []
  let turn = null as Turn | null
  let attached: ContentPart[] = []

  const endTurn = () => {
    if (turn !== null) messages.push(turnMessage(turn))
    turn = null
  }
  const endResults = () => {
    if (attached.length > 0) messages.push({ role: 'user', content: attached })
    attached = []
  }

  for (const { item, path } of items) {
    if (item.type === 'function_call_output') {
      endTurn()
      const id = readText(item.call_id, `${path}.call_id`)
      const parts = contentToParts(item.output, model, `${path}.output`)
      const rest = parts.filter(part => part.type !== 'text')
      messages.push({ role: 'tool', tool_call_id: id, content: parts.flatMap(part => part.type === 'text' ? [part.text] : []).join('\n') })
      if (rest.length > 0) attached.push({ type: 'text', text: `Attached to the result of ${id}:` }, ...rest)
      continue
    }
    endResults()
    if (item.type === 'message' && item.role !== 'assistant') {
      endTurn()
      messages.push(saidMessage(item, model, path))
      continue
    }
    if (turn !== null && opensTurn(item, turn)) endTurn()
    turn ??= { text: '', refusal: '', reasoning: '', thinking: [], calls: [] }
    addToTurn(turn, item, model, path)
  }
  endTurn()
  endResults()
  return messages
}

/** What was thought opens a turn; so does a second answer after a first one, but not one after calls, which wait for their results. */
function opensTurn (item: Item, turn: Turn): boolean {
  const answered = turn.text !== '' || turn.refusal !== ''
  if (item.type === 'reasoning') return answered || turn.calls.length > 0
  return item.type === 'message' && answered && turn.calls.length === 0
}

function saidMessage (item: Item, model: string, path: string): ChatMessage {
  const { role } = item
  if (role !== 'user' && role !== 'system' && role !== 'developer') throw invalid(`${path}.role`, 'it must be user, assistant, system or developer.')
  const parts = contentToParts(item.content, model, `${path}.content`)
  const [first] = parts
  return { role, content: parts.length === 1 && first?.type === 'text' ? first.text : parts }
}

function addToTurn (turn: Turn, item: Item, model: string, path: string): void {
  if (item.type === 'message') {
    for (const part of contentToParts(item.content, model, `${path}.content`)) {
      if (part.type === 'text') turn.text += part.text
      else if (part.type === 'refusal') turn.refusal += part.refusal
      else throw invalid(`${path}.content`, 'an assistant says only text.')
    }
  } else if (item.type === 'function_call') {
    turn.calls.push(toolCall(item, path))
  } else {
    const thought = [...texts(item.summary), ...texts(item.content)].join('\n')
    turn.reasoning += turn.reasoning === '' || thought === '' ? thought : `\n${thought}`
    turn.thinking.push(...openThinking(item.encrypted_content))
  }
}

function toolCall (item: Fields, path: string): ToolCall {
  return {
    id: readText(item.call_id, `${path}.call_id`),
    type: 'function',
    function: { name: readText(item.name, `${path}.name`), arguments: readText(item.arguments, `${path}.arguments`) },
    ...(item.extra_content === undefined ? {} : { extra_content: readFields(item.extra_content, `${path}.extra_content`) })
  }
}

function turnMessage (turn: Turn): ChatMessage {
  return {
    role: 'assistant',
    content: turn.text === '' && (turn.calls.length > 0 || turn.refusal !== '') ? null : turn.text,
    ...(turn.refusal === '' ? {} : { refusal: turn.refusal }),
    ...(turn.reasoning === '' ? {} : { reasoning_content: turn.reasoning }),
    ...(turn.thinking.length === 0 ? {} : { thinking_blocks: turn.thinking }),
    ...(turn.calls.length === 0 ? {} : { tool_calls: turn.calls })
  }
}

function texts (parts: unknown): string[] {
  return Array.isArray(parts) ? parts.flatMap((part: unknown) => isFields(part) && typeof part.text === 'string' ? [part.text] : []) : []
}
