import { answerText } from '../text.ts'
import type { AnswerText } from '../text.ts'
import { draw, purposes } from '../random.ts'
import type { AnswerContext, JsonObject } from './answer.ts'
import type { Usage } from '../tokens.ts'

const fewestReasoningTokens = 32
const mostReasoningTokens = 256

export interface Generation {
  readonly choices: readonly AnswerText[]
  readonly usage: Usage
}

/** Draws the texts of a call's choices and what they cost. */
export function generate (context: AnswerContext, promptTokens: number, choiceCount: number, maxTokens: number): Generation {
  const { seed, digest, model } = context
  const choices: AnswerText[] = []
  let completionTokens = 0
  for (let index = 0; index < choiceCount; index++) {
    const choice = answerText(seed, digest, maxTokens, index)
    choices.push(choice)
    completionTokens += choice.tokens
  }
  // reasoning is part of the output that max_completion_tokens limits
  const reasoningTokens = model.reasoning
    ? Math.min(maxTokens * choiceCount - completionTokens, fewestReasoningTokens + Math.floor(draw(seed, digest, purposes.reasoning) * (mostReasoningTokens - fewestReasoningTokens + 1)))
    : 0
  const cachedTokens = model.reasoning ? Math.floor(promptTokens / 2) : 0
  return { choices, usage: { promptTokens, completionTokens: completionTokens + reasoningTokens, cachedTokens, reasoningTokens } }
}

/** Usage as chat and completions spell it. Built by hand: it is part of every answer. */
export function usageJson (usage: Usage): string {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = usage
  return `{"prompt_tokens":${promptTokens},"completion_tokens":${completionTokens},"total_tokens":${promptTokens + completionTokens},` +
    `"prompt_tokens_details":{"cached_tokens":${cachedTokens},"audio_tokens":0},` +
    `"completion_tokens_details":{"reasoning_tokens":${reasoningTokens},"audio_tokens":0,` +
    '"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
}

export function wantsUsage (body: JsonObject): boolean {
  return (body['stream_options'] as { include_usage?: unknown } | null | undefined)?.include_usage === true
}
