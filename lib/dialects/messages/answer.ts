import type { FinishReason } from '../../contracts/chat.ts'
import { messageUsage } from './usage.ts'

export type StopReason = 'end_turn' | 'max_tokens' | 'tool_use' | 'refusal'

/** Which stop sequence ended an answer chat does not say, so that is an end of turn. Some vendors say stop after calls. */
export function stopReason (finish: FinishReason | null, { refused, called }: { refused: boolean, called: boolean }): StopReason {
  if (finish === 'length') return 'max_tokens'
  if (finish === 'content_filter' || refused) return 'refusal'
  return called || finish === 'tool_calls' || finish === 'function_call' ? 'tool_use' : 'end_turn'
}

/** What a message is besides its content. `completionId` is the provider's; a function of it is ours, so that both can be found in its log. */
export function emptyMessage (completionId: string, model: string) {
  return {
    id: `msg_${bareId(completionId)}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    container: null,
    diagnostics: null,
    usage: messageUsage(null)
  } as const
}

/** The id of a call for which the provider gave none; other than in any other answer. */
export function callId (completionId: string, place: number): string {
  return `toolu_${bareId(completionId)}_${place}`
}

function bareId (completionId: string): string {
  return completionId.replace(/^(chatcmpl-|msg_)/, '')
}
