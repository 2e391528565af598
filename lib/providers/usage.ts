import type { Usage } from '../contracts/prices.ts'

/** The ledger's columns are 32-bit integers; no answer comes near. */
const mostTokens = 2 ** 31 - 1

/**
 * The usage of an answer in either of OpenAI's spellings (chat, completions, embeddings; responses). Provider output is
 * untrusted: null when there is none or its counts are no counts. A detail that is no part of its whole is ignored.
 */
export function readUsage (usage: unknown): Usage | null {
  if (!isObject(usage)) return null
  const chat = usage.prompt_tokens !== undefined
  const inputTokens = chat ? usage.prompt_tokens : usage.input_tokens
  // embeddings have no output
  const outputTokens = (chat ? usage.completion_tokens : usage.output_tokens) ?? 0
  if (!isCount(inputTokens, mostTokens) || !isCount(outputTokens, mostTokens)) return null
  const inputDetails = chat ? usage.prompt_tokens_details : usage.input_tokens_details
  const outputDetails = chat ? usage.completion_tokens_details : usage.output_tokens_details
  const cached = isObject(inputDetails) ? inputDetails.cached_tokens : undefined
  const reasoning = isObject(outputDetails) ? outputDetails.reasoning_tokens : undefined
  return {
    inputTokens,
    cachedInputTokens: isCount(cached, inputTokens) ? cached : 0,
    outputTokens,
    reasoningTokens: isCount(reasoning, outputTokens) ? reasoning : 0
  }
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isCount (value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most
}
