import type { FinishReason, ReceivedChunk, ThinkingBlock } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import type { StreamEvent } from '../../providers/types.ts'
import { readTier } from '../../providers/usage.ts'
import { thoughtOf } from '../thought.ts'
import { callId, emptyMessage, stopReason } from './answer.ts'
import { createCallQueue } from './call-queue.ts'
import { messageUsage } from './usage.ts'

export interface MessagesStream {
  /** One chunk of a chat stream as JSON text. */
  push: (data: string) => StreamEvent[]
  /** After the chat stream has come to its end. */
  end: (usage: Usage | null) => StreamEvent[]
}

/** A chat stream as Anthropic's events. `model` is its name as the caller knows it. */
export function createMessagesStream (model: string): MessagesStream {
  let events: StreamEvent[] = []
  let completionId: string | null = null
  let index = -1
  let open: 'text' | 'thinking' | 'tool_use' | null = null
  let thinking = '' // of the open block
  let asReasoning = false // how the open block's thinking came
  let late = '' // text that came after calls, which are still under way
  let refused = false
  let finish: FinishReason | null = null
  const calls = createCallQueue({
    begin: (call, place) => {
      begin('tool_use', {
        id: call.id === '' ? callId(completionId ?? '', place) : call.id,
        name: call.name,
        input: {},
        ...(call.extra === undefined ? {} : { extra_content: call.extra })
      })
    },
    more: text => { delta({ type: 'input_json_delta', partial_json: text }) },
    finish: close
  })

  function emit (name: string, fields: Readonly<Record<string, unknown>>): void {
    events.push({ name, data: JSON.stringify({ type: name, ...fields }) })
  }

  /** The tier has no other place: Anthropic's message_delta has none. Vendors tell it from the first chunk on. */
  function start (id: string, told?: unknown): void {
    if (completionId !== null) return
    completionId = id
    const tier = readTier(told)
    const message = emptyMessage(id, model)
    emit('message_start', { message: tier === null ? message : { ...message, usage: messageUsage({ inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0, tier }) } })
  }

  function begin (type: 'text' | 'thinking' | 'tool_use', content: Readonly<Record<string, unknown>>): void {
    close()
    index += 1
    open = type
    emit('content_block_start', { index, content_block: { type, ...content } })
  }

  function delta (delta: Readonly<Record<string, unknown>>): void {
    emit('content_block_delta', { index, delta })
  }

  function close (): void {
    if (open !== null) emit('content_block_stop', { index })
    open = null
    thinking = ''
    asReasoning = false
  }

  function say (text: string): void {
    if (open !== 'text') begin('text', { text: '', citations: null })
    delta({ type: 'text_delta', text })
  }

  function think (text: string): void {
    if (open !== 'thinking') begin('thinking', { thinking: '', signature: '' })
    thinking += text
    delta({ type: 'thinking_delta', thinking: text })
  }

  /** Adapters tell a block's text as reasoning_content and repeat it in the block that brings its signature. */
  function thinkBlock (block: ThinkingBlock, told: boolean): void {
    if (block.type === 'redacted_thinking') {
      close()
      index += 1
      emit('content_block_start', { index, content_block: block })
      emit('content_block_stop', { index })
      return
    }
    const signed = block.signature !== undefined && block.signature !== ''
    const repeated = told || ((asReasoning || signed) && block.thinking === thinking)
    if (!repeated && block.thinking !== '') think(block.thinking)
    if (!signed) return
    if (open !== 'thinking') begin('thinking', { thinking: '', signature: '' })
    delta({ type: 'signature_delta', signature: block.signature })
    close()
  }

  function take (): StreamEvent[] {
    const taken = events
    events = []
    return taken
  }

  return {
    push (data) {
      const chunk = JSON.parse(data) as ReceivedChunk & { readonly service_tier?: unknown }
      start(chunk.id ?? '', chunk.service_tier)
      const choice = chunk.choices?.[0]
      if (choice === undefined || choice.index !== 0) return take()
      const delta = choice.delta ?? {}
      const { thinking_blocks: blocks, content, refusal, tool_calls: pieces } = delta
      const thought = thoughtOf(delta)
      const told = thought !== ''
      if (told) {
        think(thought)
        asReasoning = true
      }
      if (blocks) for (const block of blocks) thinkBlock(block, told)
      const text = (content ?? '') + (refusal ?? '')
      if (refusal) refused = true
      if (text !== '') {
        if (calls.size > 0) late += text
        else say(text)
      }
      if (pieces) for (const piece of pieces) calls.add(piece)
      finish = choice.finish_reason ?? finish
      return take()
    },
    end (usage) {
      start('')
      calls.end()
      if (late !== '') say(late)
      close()
      const { cache_creation: _, service_tier: __, inference_geo: ___, speed: ____, ...told } = messageUsage(usage)
      emit('message_delta', {
        delta: { stop_reason: stopReason(finish, { refused, called: calls.size > 0 }), stop_sequence: null, stop_details: null, container: null },
        usage: told
      })
      emit('message_stop', {})
      return take()
    }
  }
}
