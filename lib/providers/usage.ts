import type { ServiceTier, Usage } from '../contracts/prices.ts'
import { isObject } from './json-object.ts'

/** The ledger's columns are 32-bit integers; no answer comes near. */
const mostTokens = 2 ** 31 - 1

type Details = Record<string, unknown>
const noDetails: Details = {}

/**
 * The usage of an answer in either of OpenAI's spellings (chat, completions, embeddings; responses). Provider output is
 * untrusted: null when there is none or its counts are no counts. A detail that is no part of its whole is ignored.
 */
export function readUsage (usage: unknown, serviceTier?: unknown): Usage | null {
  if (!isObject(usage)) return null
  const chat = usage.prompt_tokens !== undefined
  const inputTokens = chat ? usage.prompt_tokens : usage.input_tokens
  // embeddings have no output
  const completion = (chat ? usage.completion_tokens : usage.output_tokens) ?? 0
  if (!isCount(inputTokens, mostTokens) || !isCount(completion, mostTokens)) return null
  const inputDetails = details(chat ? usage.prompt_tokens_details : usage.input_tokens_details)
  const outputDetails = details(chat ? usage.completion_tokens_details : usage.output_tokens_details)
  const outputTokens = completion + reasoningOutside(usage, inputTokens, completion, outputDetails)
  const cached = count(inputDetails.cached_tokens ?? usage.prompt_cache_hit_tokens, inputTokens) // the latter is DeepSeek's
  const inputAudio = count(inputDetails.audio_tokens, inputTokens)
  const read: { -readonly [Field in keyof Usage]: Usage[Field] } = {
    inputTokens,
    cachedInputTokens: cached,
    outputTokens,
    reasoningTokens: count(outputDetails.reasoning_tokens, outputTokens)
  }
  const tier = readTier(serviceTier)
  if (tier !== null) read.tier = tier
  if (inputDetails !== noDetails) {
    put(read, 'cacheWriteTokens', count(inputDetails.cache_write_tokens, inputTokens - cached))
    put(read, 'inputAudioTokens', inputAudio)
    put(read, 'cachedAudioTokens', count(details(inputDetails.cached_tokens_details).audio_tokens, Math.min(cached, inputAudio)))
    put(read, 'inputImageTokens', count(inputDetails.image_tokens, inputTokens - inputAudio))
  }
  if (outputDetails !== noDetails) {
    const outputAudio = count(outputDetails.audio_tokens, outputTokens)
    put(read, 'outputAudioTokens', outputAudio)
    put(read, 'outputImageTokens', count(outputDetails.image_tokens, outputTokens - outputAudio))
  }
  return read
}

/** `service_tier` of an answer, where it is not the default one. */
export function readTier (tier: unknown): ServiceTier | null {
  return tier === 'flex' || tier === 'priority' || tier === 'batch' ? tier : null
}

/** Some vendors (xAI) count reasoning beside the completion; only their total shows it. */
function reasoningOutside (usage: Details, input: number, completion: number, { reasoning_tokens: reasoning }: Details): number {
  if (!isCount(reasoning, mostTokens - completion)) return 0
  return usage.total_tokens === input + completion + reasoning ? reasoning : 0
}

type OptionalCount = 'cacheWriteTokens' | 'inputAudioTokens' | 'cachedAudioTokens' | 'inputImageTokens' | 'outputAudioTokens' | 'outputImageTokens'

/** Absent is 0. */
function put (usage: { -readonly [Field in OptionalCount]?: number }, field: OptionalCount, tokens: number): void {
  if (tokens > 0) usage[field] = tokens
}

function details (value: unknown): Details {
  return isObject(value) ? value : noDetails
}

function count (value: unknown, most: number): number {
  return isCount(value, most) ? value : 0
}

function isCount (value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most
}
