import type { ChatCompletion, ThinkingBlock, ToolCall } from '../../contracts/chat.ts'
import { toFinishReason } from './stop-reason.ts'
import { readMessageUsage, toChatUsage } from './usage.ts'
import type { AnswerBlock, Message } from './wire.ts'

/** A message as a chat completion; `created` in Unix seconds, which Anthropic does not tell. Blocks of unknown types are left out. */
export function toChatCompletion (message: Message, created: number): ChatCompletion {
  let text: string | null = null
  let reasoning = ''
  const thinking: ThinkingBlock[] = []
  const calls: ToolCall[] = []
  for (const block of Array.isArray(message.content) ? message.content as readonly AnswerBlock[] : []) {
    if (block.type === 'text') text = (text ?? '') + (block.text ?? '')
    else if (block.type === 'tool_use') calls.push(toToolCall(block, calls.length))
    else if (block.type === 'thinking' || block.type === 'redacted_thinking') {
      reasoning += block.thinking ?? ''
      thinking.push(toThinkingBlock(block))
    }
  }
  const usage = readMessageUsage(message.usage)
  return {
    id: toChatId(message.id),
    object: 'chat.completion',
    created,
    model: message.model ?? '',
    choices: [{
      // always 0: text after thinking is no second choice
      index: 0,
      message: {
        role: 'assistant',
        content: text,
        refusal: message.stop_reason === 'refusal' ? message.stop_details?.explanation ?? null : null,
        ...calls.length > 0 ? { tool_calls: calls } : {},
        ...reasoning === '' ? {} : { reasoning_content: reasoning },
        ...thinking.length > 0 ? { thinking_blocks: thinking } : {}
      },
      logprobs: null,
      finish_reason: toFinishReason(message.stop_reason, calls.length > 0)
    }],
    ...usage === null ? {} : { usage: toChatUsage(usage) },
    ...toChatTier(message.usage?.service_tier)
  }
}

export function toChatId (id: string | undefined): string {
  return `chatcmpl-${id ?? ''}`
}

export function toThinkingBlock (block: AnswerBlock): ThinkingBlock {
  if (block.type === 'redacted_thinking') return { type: 'redacted_thinking', data: block.data ?? '' }
  return { type: 'thinking', thinking: block.thinking ?? '', signature: block.signature ?? '' }
}

function toToolCall (block: AnswerBlock, position: number): ToolCall {
  return { id: block.id ?? `call_${position}`, type: 'function', function: { name: block.name ?? '', arguments: JSON.stringify(block.input ?? {}) } }
}

/** OpenAI's names of the tiers. */
export function toChatTier (tier: string | null | undefined): { readonly service_tier?: string } {
  if (tier === 'standard') return { service_tier: 'default' }
  return tier === 'priority' ? { service_tier: 'priority' } : {}
}
