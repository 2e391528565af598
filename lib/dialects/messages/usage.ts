import type { Usage } from '../../contracts/prices.ts'

/** Anthropic's accounting, in which input_tokens leaves out what was read from or written to the cache. Unknown usage is shown as 0, as the shape has no word for it. */
export function messageUsage (usage: Usage | null) {
  const fiveMinutes = usage?.cacheWriteTokens ?? 0
  const hour = usage?.cacheWriteHourTokens ?? 0
  const cached = usage?.cachedInputTokens ?? 0
  return {
    input_tokens: Math.max(0, (usage?.inputTokens ?? 0) - cached - fiveMinutes - hour),
    cache_creation_input_tokens: fiveMinutes + hour,
    cache_read_input_tokens: cached,
    cache_creation: { ephemeral_5m_input_tokens: fiveMinutes, ephemeral_1h_input_tokens: hour },
    output_tokens: usage?.outputTokens ?? 0,
    output_tokens_details: { thinking_tokens: usage?.reasoningTokens ?? 0 },
    server_tool_use: null,
    service_tier: usage?.tier === 'priority' || usage?.tier === 'batch' ? usage.tier : 'standard',
    inference_geo: null,
    speed: null
  }
}
