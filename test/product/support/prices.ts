/**
 * pico-USD per token in a batch, worked out by hand from test/support/product.ts: USD per million tokens is as many
 * millions of pico-USD per token, less the discount of a half.
 */
export const prices = {
  'sim-fast': { input: 75_000n, cached: 37_500n, output: 300_000n },
  'sim-reasoning': { input: 550_000n, cached: 275_000n, output: 2_200_000n }
} as const

export type Model = keyof typeof prices

/** `usage` as chat completions have it. */
export interface ChatUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly prompt_tokens_details?: { readonly cached_tokens?: number }
  readonly completion_tokens_details?: { readonly reasoning_tokens?: number }
}

export function costOfUsage (model: Model, usage: ChatUsage): bigint {
  const cached = BigInt(usage.prompt_tokens_details?.cached_tokens ?? 0)
  const price = prices[model]
  return (BigInt(usage.prompt_tokens) - cached) * price.input + cached * price.cached + BigInt(usage.completion_tokens) * price.output
}
