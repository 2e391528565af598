import type { ChatCompletion, FinishReason, ReceivedChunk } from '../../contracts/chat.ts'
import type { StreamEvent } from '../../providers/types.ts'

/** A chat completion as a text completion. `model` is its name as the caller knows it, where the completion has another. */
export function chatToCompletion (completion: ChatCompletion, model = completion.model) {
  return {
    ...head(completion, model),
    choices: completion.choices.map(({ index, message, finish_reason: finish }) => (
      { index, text: (message.content ?? '') + (message.refusal ?? ''), logprobs: null, finish_reason: finishReason(finish) }
    )),
    ...(completion.usage === undefined ? {} : { usage: completion.usage })
  }
}

/** A chunk of a chat stream, also the one that only carries usage, as the event of a stream of completions; none where it says nothing. */
export function chunkToCompletion (data: string, model?: string): StreamEvent[] {
  const chunk = JSON.parse(data) as ReceivedChunk
  const choices = (chunk.choices ?? [])
    .map(({ index, delta, finish_reason: finish }) => ({
      index, text: (delta?.content ?? '') + (delta?.refusal ?? ''), logprobs: null, finish_reason: finish === null || finish === undefined ? null : finishReason(finish)
    }))
    .filter(choice => choice.text !== '' || choice.finish_reason !== null)
  const usage = chunk.usage ?? null
  if (choices.length === 0 && usage === null) return []
  return [{ name: null, data: JSON.stringify({ ...head(chunk, model ?? chunk.model), choices, ...(chunk.usage === undefined ? {} : { usage }) }) }]
}

function head ({ id = '', created }: { readonly id?: string, readonly created: number }, model: string) {
  return { id: `cmpl-${id.replace(/^chatcmpl-/, '')}`, object: 'text_completion', created, model }
}

function finishReason (finish: FinishReason): 'stop' | 'length' | 'content_filter' {
  return finish === 'length' || finish === 'content_filter' ? finish : 'stop'
}
