import type { ChatUsage } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import { isObject, objectsOf } from './wire.ts'

/** The ledger's columns are 32-bit integers; no answer comes near. */
const mostTokens = 2 ** 31 - 1

/**
 * Gemini's usageMetadata in our accounting, where thoughts are part of the output and results of tools it ran part of the
 * input; Gemini counts both beside candidates and prompt (langchainjs #11423 billed 5 of 348 tokens). Reports differ on
 * whether some server has them inside, so the total decides, which is the sum of all kinds. null = no counts.
 */
export function readGeminiUsage (metadata: unknown): Usage | null {
  if (!isObject(metadata) || (metadata.promptTokenCount === undefined && metadata.totalTokenCount === undefined)) return null
  const prompt = count(metadata.promptTokenCount)
  const candidates = count(metadata.candidatesTokenCount)
  const thoughts = count(metadata.thoughtsTokenCount)
  const toolUse = count(metadata.toolUsePromptTokenCount)
  const total = count(metadata.totalTokenCount)
  const { inputTokens, outputTokens } = reconcile(prompt, candidates, thoughts, toolUse, total)
  const cachedInputTokens = Math.min(count(metadata.cachedContentTokenCount), inputTokens)
  const inputAudio = Math.min(modality(metadata.promptTokensDetails, 'AUDIO') + modality(metadata.toolUsePromptTokensDetails, 'AUDIO'), inputTokens)
  const inputImage = Math.min(modality(metadata.promptTokensDetails, 'IMAGE') + modality(metadata.toolUsePromptTokensDetails, 'IMAGE'), inputTokens - inputAudio)
  const outputAudio = Math.min(modality(metadata.candidatesTokensDetails, 'AUDIO'), outputTokens)
  const outputImage = Math.min(modality(metadata.candidatesTokensDetails, 'IMAGE'), outputTokens - outputAudio)
  const cachedAudio = Math.min(modality(metadata.cacheTokensDetails, 'AUDIO'), inputAudio, cachedInputTokens)
  const tier = metadata.serviceTier
  return {
    inputTokens,
    cachedInputTokens,
    outputTokens,
    // what the total has beyond prompt and candidates is thinking, whether the server named it or not
    reasoningTokens: Math.min(Math.max(thoughts, outputTokens - candidates), outputTokens),
    ...(inputAudio > 0 && { inputAudioTokens: inputAudio }),
    ...(cachedAudio > 0 && { cachedAudioTokens: cachedAudio }),
    ...(inputImage > 0 && { inputImageTokens: inputImage }),
    ...(outputAudio > 0 && { outputAudioTokens: outputAudio }),
    ...(outputImage > 0 && { outputImageTokens: outputImage }),
    ...((tier === 'flex' || tier === 'priority') && { tier })
  }
}

/** Input and output so that they add up to the total where one was given. */
function reconcile (prompt: number, candidates: number, thoughts: number, toolUse: number, total: number): { inputTokens: number, outputTokens: number } {
  const apart = { inputTokens: prompt + toolUse, outputTokens: candidates + thoughts }
  if (total === 0 || total === apart.inputTokens + apart.outputTokens) return apart
  const inputs = [apart.inputTokens, prompt]
  const outputs = [apart.outputTokens, candidates]
  for (const inputTokens of inputs) {
    for (const outputTokens of outputs) if (inputTokens + outputTokens === total) return { inputTokens, outputTokens }
  }
  return { inputTokens: apart.inputTokens, outputTokens: Math.max(apart.outputTokens, total - apart.inputTokens) }
}

function modality (details: unknown, name: string): number {
  let tokens = 0
  for (const detail of objectsOf(details)) if (detail.modality === name) tokens += count(detail.tokenCount)
  return tokens
}

function count (value: unknown): number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) <= mostTokens ? value as number : 0
}

/** The usage as chat completions spell it. */
export function chatUsage (usage: Usage): ChatUsage {
  const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = usage
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedInputTokens, audio_tokens: usage.inputAudioTokens ?? 0 },
    completion_tokens_details: { reasoning_tokens: reasoningTokens, audio_tokens: usage.outputAudioTokens ?? 0 }
  }
}
