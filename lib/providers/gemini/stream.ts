import type { ChatChunk } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import { blockedPrompt, cutAnswer, emptyAnswer, failedCall } from './failures.ts'
import { finishReason, isFailedCall } from './finish-reason.ts'
import { readLogprobs } from './logprobs.ts'
import { readParts } from './parts.ts'
import { answerId } from './response.ts'
import { chatUsage, readGeminiUsage } from './usage.ts'
import { objectsOf } from './wire.ts'

export interface ChatStream {
  /** The chunks that one event of Gemini's becomes; often one, sometimes none. Throws a ProviderFailure for a blocked prompt. */
  push: (payload: Readonly<Record<string, unknown>>) => ChatChunk[]
  /** The last chunks, with finish_reason. Throws a ProviderFailure of code `answer_cut` when Gemini had not finished. */
  end: () => ChatChunk[]
  /** What Gemini has told of its usage by now. */
  usage: () => Usage | null
  /** The chunk with usage and no choices; null when nothing was told. After `end`. */
  usageChunk: () => ChatChunk | null
}

interface Choice {
  calls: number
  said: boolean
  /** Gemini's word, kept until the end: some models send it with every event, and a call may come after it. */
  reason: string | null
}

type Delta = ChatChunk['choices'][number]['delta']

/** Translates one stream. `model` is used where the events name none; `created` in Unix seconds. */
export function createChatStream (model: string, created: number): ChatStream {
  const choices = new Map<number, Choice>()
  const ids = new Set<string>()
  let head: { id: string, object: 'chat.completion.chunk', created: number, model: string } | null = null
  let usage: Usage | null = null

  function chunk (index: number, delta: Delta, logprobs: unknown = null): ChatChunk {
    return { ...head!, choices: [{ index, delta, finish_reason: null, ...(logprobs !== null && { logprobs }) }] }
  }

  function pushCandidate (candidate: Record<string, unknown>, place: number, chunks: ChatChunk[]): void {
    const index = Number.isInteger(candidate.index) ? candidate.index as number : place
    let choice = choices.get(index)
    if (choice === undefined) {
      choice = { calls: 0, said: false, reason: null }
      choices.set(index, choice)
      chunks.push(chunk(index, { role: 'assistant', content: '' }))
    }
    const { text, reasoning, calls } = readParts(candidate.content, ids)
    const logprobs = readLogprobs(candidate.logprobsResult)
    if (reasoning !== '') chunks.push(chunk(index, { reasoning_content: reasoning }))
    if (text !== '' || logprobs !== null) {
      choice.said = true
      chunks.push(chunk(index, { content: text }, logprobs))
    }
    for (const call of calls) chunks.push(chunk(index, { tool_calls: [{ index: choice.calls++, ...call }] }))
    if (typeof candidate.finishReason === 'string') choice.reason = candidate.finishReason
  }

  return {
    push (payload) {
      head ??= { id: answerId(payload), object: 'chat.completion.chunk', created, model: typeof payload.modelVersion === 'string' ? payload.modelVersion : model }
      usage = readGeminiUsage(payload.usageMetadata) ?? usage
      const candidates = objectsOf(payload.candidates)
      if (candidates.length === 0) {
        const failure = blockedPrompt(payload.promptFeedback, usage)
        if (failure !== null) throw failure
        return []
      }
      const chunks: ChatChunk[] = []
      candidates.forEach((candidate, place) => pushCandidate(candidate, place, chunks))
      return chunks
    },
    end () {
      if (head === null) throw cutAnswer(usage)
      if (choices.size === 0) throw emptyAnswer(usage)
      const chunks: ChatChunk[] = []
      for (const [index, { reason, calls, said }] of choices) {
        if (reason === null) throw cutAnswer(usage)
        if (isFailedCall(reason) && !said && calls === 0) throw failedCall(reason, usage)
        chunks.push({ ...head, choices: [{ index, delta: {}, finish_reason: finishReason(reason, calls > 0), native_finish_reason: reason }] })
      }
      return chunks
    },
    usage: () => usage,
    usageChunk: () => head === null || usage === null ? null : { ...head, choices: [], usage: chatUsage(usage) }
  }
}
