import type { ChatMessage, ThinkingBlock, ToolCall } from '../../contracts/chat.ts'
import { cacheMark, invalid, toBlocks } from './content.ts'
import type { MediaBlock, RequestBlock, TextBlock, ToolResultBlock, ToolUseBlock, Turn } from './wire.ts'

export interface Conversation {
  readonly system: readonly TextBlock[]
  readonly turns: readonly Turn[]
}

/**
 * Chat messages as turns that alternate. System and developer messages go, in order, to the top; neighbours of one role become one
 * turn; results of tools come first in the user turn after the calls, as Anthropic demands (litellm #3474, vercel/ai #8474).
 * A `name` has no place there and is left out. Throws SiraError for what cannot be said.
 */
export function toConversation (messages: readonly ChatMessage[]): Conversation {
  const system: TextBlock[] = []
  const turns: Turn[] = []
  let role: Turn['role'] | null = null
  let results: ToolResultBlock[] = []
  let blocks: RequestBlock[] = []
  const close = (): void => {
    if (role !== null && results.length + blocks.length > 0) turns.push({ role, content: [...results, ...blocks] })
    results = []
    blocks = []
  }
  const open = (next: Turn['role']): void => {
    if (next === role) return
    close()
    role = next
  }

  messages.forEach((message, index) => {
    const param = `messages[${index}]`
    switch (message?.role) {
      case 'system':
      case 'developer':
        system.push(...marked(textOnly(toBlocks(message.content, param), param), message))
        return
      case 'user': {
        const said = toBlocks(message.content, param)
        if (said.length === 0) return
        open('user')
        blocks.push(...marked(said, message))
        return
      }
      case 'tool':
        open('user')
        results.push(toolResult(message, param))
        return
      case 'assistant': {
        const said = assistantBlocks(message, param)
        if (said.length === 0) return
        open('assistant')
        blocks.push(...marked(said, message))
        return
      }
      default:
        throw invalid(`${param}.role`, 'expected system, developer, user, assistant or tool.')
    }
  })
  close()

  if (turns.length > 0) return { system, turns: withoutTrailingSpace(turns) }
  // Anthropic wants a user turn (langchain #31657). The same words in a user turn ask for the same answer; a turn made up here would not.
  if (system.length > 0) return { system: [], turns: [{ role: 'user', content: system }] }
  throw invalid('messages', 'expected at least one message with content.')
}

function assistantBlocks (message: ChatMessage, param: string): RequestBlock[] {
  // Thinking has to come back before the calls it led to, signed as it was (openai-agents-python #1704).
  const blocks: RequestBlock[] = replayedThinking(message.thinking_blocks)
  blocks.push(...toBlocks(message.content ?? message.refusal, param))
  message.tool_calls?.forEach((call, index) => blocks.push(toolUse(call, `${param}.tool_calls[${index}]`)))
  return blocks
}

function replayedThinking (thinking: readonly ThinkingBlock[] | null | undefined): RequestBlock[] {
  const blocks: RequestBlock[] = []
  if (!Array.isArray(thinking)) return blocks
  for (const block of thinking as readonly ThinkingBlock[]) {
    if (block.type === 'redacted_thinking') blocks.push({ type: 'redacted_thinking', data: block.data })
    // without its signature it would be refused
    else if (block.signature) blocks.push({ type: 'thinking', thinking: block.thinking, signature: block.signature })
  }
  return blocks
}

function toolUse (call: ToolCall, param: string): ToolUseBlock {
  if (typeof call.function?.name !== 'string') throw invalid(`${param}.function`, 'expected a function with a name.')
  return { type: 'tool_use', id: toolId(call.id, `${param}.id`), name: call.function.name, input: toolInput(call.function.arguments, `${param}.function.arguments`), ...cacheMark(call) }
}

/** The arguments of a call, where no text at all means no arguments (litellm #5064). */
function toolInput (text: string | null | undefined, param: string): Readonly<Record<string, unknown>> {
  if (text === undefined || text === null || text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalid(param, `expected a JSON object: ${(error as Error).message.slice(0, 200)}`)
  }
  if (value === null) return {}
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(param, 'expected a JSON object.')
  return value as Record<string, unknown>
}

function toolResult (message: ChatMessage, param: string): ToolResultBlock {
  const content = toBlocks(message.content, param)
  return {
    type: 'tool_result',
    tool_use_id: toolId(message.tool_call_id, `${param}.tool_call_id`),
    ...content.length > 0 ? { content } : {},
    ...cacheMark(message)
  }
}

/** Anthropic's ids have letters, digits, _ and - only; those that other providers made up have more. */
function toolId (id: string | undefined, param: string): string {
  if (typeof id !== 'string' || id === '') throw invalid(param, 'expected the id of a tool call.')
  return id.replace(/[^a-zA-Z0-9_-]/g, '_')
}

function textOnly (blocks: readonly MediaBlock[], param: string): TextBlock[] {
  return blocks.map(block => {
    if (block.type !== 'text') throw invalid(`${param}.content`, 'instructions can be text only.')
    return block
  })
}

/** A cache mark on a whole message goes to its last block. */
function marked<Block extends RequestBlock> (blocks: Block[], message: ChatMessage): Block[] {
  const last = blocks.at(-1)
  if (message['cache_control'] === undefined || last === undefined || last.type === 'thinking' || last.type === 'redacted_thinking') return blocks
  return [...blocks.slice(0, -1), { ...cacheMark(message), ...last }]
}

/** An answer to be continued may not end with white space. */
function withoutTrailingSpace (turns: readonly Turn[]): readonly Turn[] {
  const turn = turns.at(-1)!
  const last = turn.content.at(-1)
  if (turn.role !== 'assistant' || last?.type !== 'text') return turns
  return [...turns.slice(0, -1), { ...turn, content: [...turn.content.slice(0, -1), { ...last, text: last.text.trimEnd() }] }]
}
