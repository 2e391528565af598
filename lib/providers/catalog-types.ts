import type { PriceSheet } from '../contracts/prices.ts'
import type { TokenPrices } from '../domain/price.ts'
import type { VendorKind } from './vendors.ts'

/** An upstream account. */
export interface ProviderConfig {
  readonly name: string
  readonly kind: VendorKind
  /** Without a trailing slash; what follows /v1 in an endpoint is appended (vendors.ts has the exceptions). */
  readonly baseUrl: string
  /** Secrets: never logged, never shown. None = the provider asks for no key. */
  readonly credentials: readonly Credential[]
  /** spread = in turn; first = the first that works, the others when it is rested. */
  readonly credentialUse: 'spread' | 'first'
  /** Calls in flight, over all workers. */
  readonly maxConcurrency: number
  /** null = no limit. */
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  /** Azure: the api-version of the query. */
  readonly apiVersion: string | null
}

export interface Credential {
  readonly id: string
  readonly secret: string
}

/** Where a model is served, and at what price. */
export interface DeploymentConfig {
  /** Unique: `dep_…` from the store, `provider/upstream` from the file. */
  readonly id: string
  readonly provider: string
  /** The model's name at the provider. */
  readonly upstream: string
  /** Among deployments of one priority; 0 = never chosen by itself. */
  readonly weight: number
  /** Lower is tried first. */
  readonly priority: number
  readonly prices: PriceSheet
}

/** How requests for a model are delivered. Times in ms. */
export interface DeliveryPolicy {
  /** Total time of one attempt. */
  readonly timeout: number
  /** Of a stream: time without a byte. */
  readonly idleTimeout: number
  /** Attempts over all deployments, the first included. */
  readonly maxAttempts: number
  /** Whether a call that timed out, and may have been paid for, may be made again. */
  readonly retryAfterTimeout: boolean
  /** Public models to go to when all deployments have failed, when the prompt is too long, when the content was refused. */
  readonly fallbacks: readonly string[]
  readonly contextFallbacks: readonly string[]
  readonly contentFallbacks: readonly string[]
  /** What becomes of parameters that the target cannot do: refused with a coded 400, or left out and named in a header. */
  readonly unsupported: 'refuse' | 'drop'
}

/** A public model name and where it is served. */
export interface ModelConfig {
  readonly id: string
  /** Of the first deployment, which is what batches use. */
  readonly provider: string
  /** The model's name at that provider. */
  readonly upstream: string
  readonly prices: TokenPrices
  /** The prices with the batch discount applied. */
  readonly batchPrices: TokenPrices
  /** All prices of the first deployment with the discount applied; absent when batchPrices says it all. */
  readonly batchSheet?: PriceSheet
  /** By priority, then as configured; never empty. */
  readonly deployments: readonly DeploymentConfig[]
  readonly policy: DeliveryPolicy
  /** Tokens of prompt and answer together; null = unknown. */
  readonly contextWindow: number | null
  /** Tokens the answer may have; null = unknown. */
  readonly maxOutputTokens: number | null
}

/** The configured providers by name and models by public id, in the order of the file. Of a live catalog these change; take them anew for each request. */
export interface Catalog {
  readonly providers: ReadonlyMap<string, ProviderConfig>
  readonly models: ReadonlyMap<string, ModelConfig>
}
