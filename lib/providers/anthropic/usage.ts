import type { ChatUsage } from '../../contracts/chat.ts'
import type { Usage } from '../../contracts/prices.ts'
import type { MessageUsage } from './wire.ts'

/** The ledger's columns are 32-bit integers; no answer comes near. */
const mostTokens = 2 ** 31 - 1

/**
 * Anthropic leaves cached tokens out of input_tokens, so all input is the sum of three (Portkey #1754, litellm #9812, #40016).
 * null when there is no usage or its counts are no counts.
 */
export function readMessageUsage (usage: unknown): Usage | null {
  if (typeof usage !== 'object' || usage === null) return null
  const { input_tokens: input, output_tokens: output, cache_creation: split, ...rest } = usage as MessageUsage
  const hourSplit = count(split?.ephemeral_1h_input_tokens)
  const written = count(rest.cache_creation_input_tokens) || count(split?.ephemeral_5m_input_tokens) + hourSplit
  const read = count(rest.cache_read_input_tokens)
  const total = count(input) + written + read
  if (!isCount(input) || !isCount(output ?? 0) || total > mostTokens) return null
  const hour = Math.min(hourSplit, written)
  const outputTokens = output ?? 0
  return {
    inputTokens: total,
    cachedInputTokens: read,
    outputTokens,
    reasoningTokens: Math.min(count(rest.output_tokens_details?.thinking_tokens), outputTokens),
    ...written > hour ? { cacheWriteTokens: written - hour } : {},
    ...hour > 0 ? { cacheWriteHourTokens: hour } : {},
    ...rest.service_tier === 'priority' || rest.service_tier === 'batch' ? { tier: rest.service_tier } : {}
  }
}

/**
 * The usage of message_start with that of a message_delta over it. The delta's counts are those of the whole answer so far, and
 * null where it has nothing to add.
 */
export function mergeUsage (start: MessageUsage | null, delta: MessageUsage | null | undefined): MessageUsage | null {
  if (typeof delta !== 'object' || delta === null) return start
  const merged: Record<string, unknown> = { ...start }
  for (const [name, value] of Object.entries(delta)) if (value !== null) merged[name] = value
  return merged
}

/** Usage in OpenAI's words: all input, cached reads as a part of it, and a total that is their sum. */
export function toChatUsage (usage: Usage): ChatUsage {
  const written = (usage.cacheWriteTokens ?? 0) + (usage.cacheWriteHourTokens ?? 0)
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, ...written > 0 ? { cache_write_tokens: written } : {} },
    completion_tokens_details: { reasoning_tokens: usage.reasoningTokens }
  }
}

function count (value: unknown): number {
  return isCount(value) ? value : 0
}

function isCount (value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= mostTokens
}
