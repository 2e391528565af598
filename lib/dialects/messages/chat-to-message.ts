import type { ChatCompletion, FinishReason, ToolCall } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import { SiraError } from '../../errors.ts'
import { readUsage } from '../../providers/usage.ts'
import { isFields, type Fields } from '../faults.ts'
import { thoughtOf } from '../thought.ts'
import { callId, emptyMessage, stopReason, type StopReason } from './answer.ts'
import { messageUsage } from './usage.ts'

export type Block =
  | { readonly type: 'thinking', readonly thinking: string, readonly signature: string }
  | { readonly type: 'redacted_thinking', readonly data: string }
  | { readonly type: 'text', readonly text: string, readonly citations: null }
  | { readonly type: 'tool_use', readonly id: string, readonly name: string, readonly input: Fields, readonly extra_content?: ToolCall['extra_content'] }

export interface Message extends Omit<ReturnType<typeof emptyMessage>, 'content' | 'stop_reason' | 'usage'> {
  readonly content: readonly Block[]
  readonly stop_reason: StopReason
  readonly usage: ReturnType<typeof messageUsage>
}

/**
 * A chat completion as Anthropic's message, under the model's name as the caller knows it. Throws SiraError `upstream_error` for
 * arguments of a tool that are no JSON object; when the answer was cut at its length they are {}.
 */
export function chatToMessage (completion: ChatCompletion, requestedModel: string, usage: Usage | null = readUsage(completion.usage)): Message {
  const choice = completion.choices[0]
  if (choice === undefined) throw new SiraError('upstream_error', { reason: 'its answer has no choice.' })
  const { message, finish_reason: finish } = choice
  const text = (message.content ?? '') + (message.refusal ?? '')
  const calls = message.tool_calls ?? []
  return {
    ...emptyMessage(completion.id, requestedModel),
    content: [
      ...thinkingBlocks(message),
      ...(text === '' ? [] : [{ type: 'text', text, citations: null } as const]),
      ...calls.map((call, place) => toolUse(call, call.id === '' ? callId(completion.id, place) : call.id, finish))
    ],
    stop_reason: stopReason(finish, { refused: isSaid(message.refusal), called: calls.length > 0 }),
    usage: messageUsage(usage)
  }
}

function thinkingBlocks (message: ChatCompletion['choices'][number]['message']): Block[] {
  if (message.thinking_blocks !== undefined && message.thinking_blocks.length > 0) {
    return message.thinking_blocks.map(block => block.type === 'thinking' ? { ...block, signature: block.signature ?? '' } : block)
  }
  const thinking = thoughtOf(message)
  return thinking === '' ? [] : [{ type: 'thinking', thinking, signature: '' }]
}

function toolUse (call: ToolCall, id: string, finish: FinishReason): Block {
  return {
    type: 'tool_use',
    id,
    name: call.function.name,
    input: parseInput(call.function.arguments, finish),
    ...(call.extra_content === undefined ? {} : { extra_content: call.extra_content })
  }
}

function parseInput (text: string, finish: FinishReason): Fields {
  if (text.trim() === '') return {}
  const input = parseJson(text)
  if (isFields(input)) return input
  if (finish === 'length') return {}
  throw new SiraError('upstream_error', { reason: 'the arguments of a tool call are no JSON object.' })
}

function parseJson (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // told apart from every JSON value
  }
}

function isSaid (text: string | null | undefined): text is string {
  return typeof text === 'string' && text !== ''
}
