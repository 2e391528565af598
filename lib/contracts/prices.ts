/**
 * A model's price as pinned when work is accepted. pico-USD (1e-12 USD) per token, as decimal strings because they are
 * stored as JSON and read as bigint. null = unknown, which is never 0.
 */
export interface PinnedPrice {
  readonly provider: string
  /** The model's name at the provider. */
  readonly upstream: string
  readonly input: string | null
  readonly cachedInput: string | null
  readonly output: string | null
}

/** model id → price, for the models a batch uses. Batch discount already applied. */
export type PriceBook = Readonly<Record<string, PinnedPrice>>

/** What a provider says it used. Cached input is part of input; reasoning is part of output (OpenAI's accounting). */
export interface Usage {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
}
