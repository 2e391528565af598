import type { ChatCompletion } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import { newId } from '../../ids.ts'
import { blockedPrompt, emptyAnswer, failedCall } from './failures.ts'
import { finishReason, isFailedCall } from './finish-reason.ts'
import { readLogprobs } from './logprobs.ts'
import { readParts } from './parts.ts'
import { chatUsage, readGeminiUsage } from './usage.ts'
import { objectsOf } from './wire.ts'

/**
 * A generateContent answer as a chat completion. `model` is used where the answer names none; `created` in Unix seconds.
 * Throws a ProviderFailure for a prompt that was blocked and for an answer without anything in it.
 */
export function toChatCompletion (
  answer: Readonly<Record<string, unknown>>, model: string, created: number
): { readonly completion: ChatCompletion, readonly usage: Usage | null } {
  const usage = readGeminiUsage(answer.usageMetadata)
  const candidates = objectsOf(answer.candidates)
  if (candidates.length === 0) throw blockedPrompt(answer.promptFeedback, usage) ?? emptyAnswer(usage)
  const ids = new Set<string>()
  const choices = candidates.map((candidate, place) => toChoice(candidate, place, ids, usage))
  return {
    completion: {
      id: answerId(answer),
      object: 'chat.completion',
      created,
      model: typeof answer.modelVersion === 'string' ? answer.modelVersion : model,
      choices,
      ...(usage !== null && { usage: chatUsage(usage) })
    },
    usage
  }
}

export function answerId (answer: Readonly<Record<string, unknown>>): string {
  return typeof answer.responseId === 'string' && answer.responseId !== '' ? `chatcmpl-${answer.responseId}` : newId('completion')
}

function toChoice (candidate: Record<string, unknown>, place: number, ids: Set<string>, usage: Usage | null): ChatCompletion['choices'][number] {
  const { text, reasoning, calls } = readParts(candidate.content, ids)
  const reason = typeof candidate.finishReason === 'string' ? candidate.finishReason : ''
  if (isFailedCall(reason) && text === '' && calls.length === 0) throw failedCall(reason, usage)
  return {
    // the index of thoughts and of text is the candidate's; one gateway counted them as two choices
    index: Number.isInteger(candidate.index) ? candidate.index as number : place,
    message: {
      role: 'assistant',
      content: text === '' && calls.length > 0 ? null : text,
      refusal: null,
      ...(calls.length > 0 && { tool_calls: calls }),
      ...(reasoning !== '' && { reasoning_content: reasoning })
    },
    finish_reason: finishReason(reason, calls.length > 0),
    logprobs: readLogprobs(candidate.logprobsResult),
    ...(reason !== '' && { native_finish_reason: reason })
  }
}
