import type { ChatChunk, FinishReason } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import { toChatId, toThinkingBlock } from './response.ts'
import { toFinishReason } from './stop-reason.ts'
import { mergeUsage, readMessageUsage, toChatUsage } from './usage.ts'
import type { AnswerBlock, MessageEvent, MessageUsage } from './wire.ts'

type Delta = ChatChunk['choices'][number]['delta']

export interface ChatStream {
  /** The chunks that an event, already parsed, becomes; none for a ping or an event of an unknown type. `error` is not one for here. */
  push: (event: MessageEvent) => ChatChunk[]
  /** What was told of usage by now. */
  usage: () => Usage | null
  /** The end: the chunk that only carries usage, or null when none was told. */
  end: () => ChatChunk | null
  /** message_stop has come: only then is the answer whole. */
  readonly ended: boolean
}

/** Turns the events of one streamed message into chat chunks; `created` in Unix seconds. */
export function createChatStream (created: number): ChatStream {
  let id = toChatId(undefined)
  let model = ''
  let ended = false
  let told: MessageUsage | null = null
  let stopReason: string | null = null
  let toolCalls = 0
  /** The block that is open; they come one after the other. */
  let open: { readonly block: AnswerBlock, thinking: string, signature: string, hasArguments: boolean } | null = null

  const chunk = (delta: Delta, finish: FinishReason | null = null): ChatChunk =>
    ({ id, object: 'chat.completion.chunk', created, model, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] })
  const argumentsChunk = (text: string): ChatChunk => chunk({ tool_calls: [{ index: toolCalls - 1, function: { arguments: text } }] })

  function start (block: AnswerBlock): ChatChunk[] {
    open = { block, thinking: block.thinking ?? '', signature: block.signature ?? '', hasArguments: false }
    switch (block.type) {
      case 'text': return block.text ? [chunk({ content: block.text })] : []
      case 'thinking': return block.thinking ? [chunk({ reasoning_content: block.thinking })] : []
      case 'redacted_thinking': return [chunk({ thinking_blocks: [toThinkingBlock(block)] })]
      case 'tool_use': {
        // the first delta of a call has to name it, and its index counts calls, not blocks (litellm #15884)
        const index = toolCalls++
        return [chunk({ tool_calls: [{ index, id: block.id ?? `call_${index}`, type: 'function', function: { name: block.name ?? '', arguments: '' } }] })]
      }
      default: return []
    }
  }

  function go (delta: NonNullable<MessageEvent['delta']>): ChatChunk[] {
    switch (delta.type) {
      case 'text_delta': return delta.text ? [chunk({ content: delta.text })] : []
      case 'thinking_delta':
        if (open !== null) open.thinking += delta.thinking ?? ''
        return delta.thinking ? [chunk({ reasoning_content: delta.thinking })] : []
      case 'signature_delta':
        if (open !== null) open.signature += delta.signature ?? ''
        return []
      case 'input_json_delta':
        // server-side tools have input too
        if (!delta.partial_json || open?.block.type !== 'tool_use') return []
        open.hasArguments = true
        return [argumentsChunk(delta.partial_json)]
      default: return []
    }
  }

  function stop (): ChatChunk[] {
    const closed = open
    open = null
    if (closed?.block.type === 'thinking') {
      return [chunk({ thinking_blocks: [toThinkingBlock({ ...closed.block, thinking: closed.thinking, signature: closed.signature })] })]
    }
    // A call without arguments has no delta, or an empty one; what clients put together has to be JSON all the same (litellm #5064).
    if (closed?.block.type === 'tool_use' && !closed.hasArguments) return [argumentsChunk(JSON.stringify(closed.block.input ?? {}))]
    return []
  }

  return {
    get ended () { return ended },
    push (event) {
      switch (event.type) {
        case 'message_start':
          id = toChatId(event.message?.id)
          model = event.message?.model ?? ''
          told = event.message?.usage ?? null
          return [chunk({ role: 'assistant', content: '' })]
        case 'content_block_start': return event.content_block ? start(event.content_block) : []
        case 'content_block_delta': return event.delta ? go(event.delta) : []
        case 'content_block_stop': return stop()
        case 'message_delta':
          told = mergeUsage(told, event.usage)
          stopReason = event.delta?.stop_reason ?? stopReason
          return event.delta?.stop_reason === 'refusal' && event.delta.stop_details?.explanation ? [chunk({ refusal: event.delta.stop_details.explanation })] : []
        case 'message_stop':
          if (ended) return []
          ended = true
          // held back until here, so that it comes once and last (litellm #21041, #31634)
          return [chunk({}, toFinishReason(stopReason, toolCalls > 0))]
        default: return []
      }
    },
    usage: () => readMessageUsage(told),
    end () {
      const usage = readMessageUsage(told)
      return usage === null ? null : { id, object: 'chat.completion.chunk', created, model, choices: [], usage: toChatUsage(usage) }
    }
  }
}
