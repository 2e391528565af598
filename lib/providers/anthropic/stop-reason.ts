import type { FinishReason } from '../../contracts/chat.ts'

/** pause_turn is of server-side tools, which a chat request cannot ask for. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  pause_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool_calls',
  refusal: 'content_filter'
}

/** The finish reason of an answer. The list is closed: a reason that is not known never reaches the client (Portkey #1200). */
export function toFinishReason (stopReason: string | null | undefined, hasToolCalls: boolean): FinishReason {
  const reason = typeof stopReason === 'string' && Object.hasOwn(finishReasons, stopReason) ? finishReasons[stopReason]! : 'stop'
  // a client that sees stop does not look for calls (litellm #21041)
  return hasToolCalls && reason === 'stop' ? 'tool_calls' : reason
}
