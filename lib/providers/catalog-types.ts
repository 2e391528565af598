import type { TokenPrices } from '../domain/price.ts'

/** An upstream account. */
export interface ProviderConfig {
  readonly name: string
  readonly kind: 'openai'
  /** Without a trailing slash; what follows /v1 in an endpoint is appended. */
  readonly baseUrl: string
  /** A secret: never logged, never shown. */
  readonly apiKey: string | null
  /** Calls in flight, over all workers. */
  readonly maxConcurrency: number
  /** null = no limit. */
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
}

/** A public model name and where it is served. */
export interface ModelConfig {
  readonly id: string
  readonly provider: string
  /** The model's name at the provider. */
  readonly upstream: string
  readonly prices: TokenPrices
  /** The prices with the batch discount applied. */
  readonly batchPrices: TokenPrices
}

/** The configured providers by name and models by public id, in the order of the file. */
export interface Catalog {
  readonly providers: ReadonlyMap<string, ProviderConfig>
  readonly models: ReadonlyMap<string, ModelConfig>
}
