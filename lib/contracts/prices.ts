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
  /** All prices, where there are more than those three. Prices pinned by an older release have none. */
  readonly sheet?: PriceSheet
}

/** model id → price, for the models a batch uses. Batch discount already applied. */
export type PriceBook = Readonly<Record<string, PinnedPrice>>

/**
 * What a provider says it used, in one accounting whatever the provider's: inputTokens is all input (cached reads, cache
 * writes, audio and images are parts of it) and outputTokens all output (reasoning and audio are parts of it). Adapters
 * convert: Anthropic leaves cached tokens out of its input, Gemini thoughts out of its candidates. Absent = 0.
 */
export interface Usage {
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  /** Written to the provider's prompt cache for 5 minutes (Anthropic), part of inputTokens. */
  readonly cacheWriteTokens?: number
  /** Written for an hour, part of inputTokens. */
  readonly cacheWriteHourTokens?: number
  readonly inputAudioTokens?: number
  /** Part of both cachedInputTokens and inputAudioTokens. */
  readonly cachedAudioTokens?: number
  readonly inputImageTokens?: number
  readonly outputAudioTokens?: number
  readonly outputImageTokens?: number
  /** Pieces billed as such: generated images. */
  readonly images?: number
  /** The tier that served it, where it is not the default one. */
  readonly tier?: ServiceTier
}

export type ServiceTier = 'batch' | 'flex' | 'priority'

/**
 * Prices of a deployment. pico-USD per token (per piece for image), decimal strings; null or absent = unknown, never 0.
 * A kind without a price of its own costs what it is a part of: cachedInput, cacheWrite, audio and image input → input;
 * reasoning, audio and image output → output.
 */
export interface PriceSheet {
  readonly input?: string | null
  readonly cachedInput?: string | null
  readonly cacheWrite?: string | null
  readonly cacheWriteHour?: string | null
  readonly output?: string | null
  readonly reasoning?: string | null
  readonly inputAudio?: string | null
  readonly cachedAudio?: string | null
  readonly outputAudio?: string | null
  readonly inputImage?: string | null
  readonly outputImage?: string | null
  readonly image?: string | null
  readonly request?: string | null
  /** Prices of the whole request once its input is above a number of tokens (128k, 200k); the highest band reached counts. */
  readonly above?: ReadonlyArray<{ readonly inputTokens: number, readonly prices: PriceSheet }>
  /** Prices in a service tier; what is absent there is as in the default tier. */
  readonly tiers?: Partial<Readonly<Record<ServiceTier, PriceSheet>>>
}
