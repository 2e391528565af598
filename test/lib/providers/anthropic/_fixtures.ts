import type { ChatChunk } from '../../../../lib/contracts/chat.ts'
import { createChatStream } from '../../../../lib/providers/anthropic/stream.ts'
import type { ChatStream } from '../../../../lib/providers/anthropic/stream.ts'
import type { AnswerBlock, Message, MessageEvent } from '../../../../lib/providers/anthropic/wire.ts'

export const created = 1767225600

/** A message in the shape that the API sends, with the fields it always has. */
export function message (content: readonly AnswerBlock[], further: Partial<Message> = {}): Message {
  return {
    id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-5',
    content,
    container: null,
    stop_reason: 'end_turn',
    stop_sequence: null,
    stop_details: null,
    usage: { input_tokens: 12, cache_creation_input_tokens: null, cache_read_input_tokens: null, cache_creation: null, output_tokens: 6, output_tokens_details: null, service_tier: 'standard' },
    ...further
  } as Message
}

export const text = (said: string): AnswerBlock => ({ type: 'text', text: said })

/** The events around some blocks' events. */
export function streamed (inner: readonly MessageEvent[], stopReason: string | null = 'end_turn', usage: MessageEvent['usage'] = { output_tokens: 6 }): MessageEvent[] {
  return [
    { type: 'message_start', message: message([], { stop_reason: null, usage: { input_tokens: 12, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 } }) },
    ...inner,
    { type: 'message_delta', delta: { stop_reason: stopReason }, usage: usage ?? null },
    { type: 'message_stop' }
  ]
}

export function block (index: number, start: AnswerBlock, deltas: ReadonlyArray<NonNullable<MessageEvent['delta']>> = []): MessageEvent[] {
  return [
    { type: 'content_block_start', index, content_block: start },
    ...deltas.map(delta => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index }
  ]
}

export function run (events: readonly MessageEvent[]): { readonly chunks: readonly ChatChunk[], readonly stream: ChatStream } {
  const stream = createChatStream(created)
  return { chunks: events.flatMap(event => stream.push(event)), stream }
}

/** What a client puts together from the deltas of its calls. */
export function callsOf (chunks: readonly ChatChunk[]): Array<{ id: string, name: string, arguments: string }> {
  const calls: Array<{ id: string, name: string, arguments: string }> = []
  for (const { choices: [choice] } of chunks) {
    for (const delta of choice?.delta.tool_calls ?? []) {
      const call = calls[delta.index] ??= { id: delta.id!, name: delta.function!.name!, arguments: '' }
      call.arguments += delta.function?.arguments ?? ''
    }
  }
  return calls
}
