import type { Tenant } from './jobs.ts'

/** A receiver's URL and its share of the deliveries among the endpoint's targets. */
export interface WebhookTarget { readonly url: string, readonly weight: number }

/** Versions of the payload's shape; an endpoint stays with the one it was made with. The last is the newest. */
export const payloadVersions = ['2026-11-27'] as const
export type PayloadVersion = typeof payloadVersions[number]

/** Where events of a project (or, with scope organization, of all its organization's projects) are sent. */
export interface WebhookEndpoint extends Tenant {
  readonly id: string
  readonly scope: 'project' | 'organization'
  /** Only events of this resource: the endpoint that a job was created with. */
  readonly resourceId: string | null
  readonly description: string
  readonly targets: readonly WebhookTarget[]
  /** Event types, `*`, and wildcards such as `batch.*`. */
  readonly eventTypes: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  readonly payload: 'thin' | 'full'
  readonly payloadVersion: PayloadVersion
  readonly signature: 'hmac' | 'ed25519'
  readonly requestsPerSecond: number | null
  /** Requests under way at once. */
  readonly concurrency: number
  /** The next event of a resource waits for the end of the one before. */
  readonly ordered: boolean
  /** Names of the custom headers; their values are sealed. */
  readonly headerNames: readonly string[]
  readonly status: 'enabled' | 'disabled'
  readonly disabledReason: DisabledReason | null
  readonly disabledAt: Date | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** requested = by its owner; failing = nothing but failure for days; gone = it answered 410. */
export type DisabledReason = 'requested' | 'failing' | 'gone'

/** An immutable fact, as readers of the feed and receivers of webhooks get it. */
export interface FeedEvent extends Tenant {
  readonly id: string
  readonly resourceId: string
  /** Of the resource. */
  readonly seq: number
  /** Of the project's feed. */
  readonly feedSeq: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly createdAt: Date
}

export const deliveryStates = ['pending', 'delivered', 'exhausted', 'disabled'] as const
export type DeliveryState = typeof deliveryStates[number]
export type DeliveryTrigger = 'event' | 'retry' | 'replay' | 'test'

/** ms; null where it did not happen, as with a connection that was open already. */
export interface AttemptTiming {
  readonly dns: number | null
  readonly connect: number | null
  readonly tls: number | null
  readonly firstByte: number | null
  readonly total: number
}

export const attemptErrorClasses = ['dns', 'ssrf_blocked', 'connect', 'tls', 'timeout', 'reset', 'response'] as const
export type AttemptErrorClass = typeof attemptErrorClasses[number]

/** One request that was made, or refused before it was made. */
export interface WebhookAttempt {
  readonly deliveryId: string
  readonly number: number
  readonly trigger: DeliveryTrigger
  readonly url: string
  readonly address: string | null
  /** null = no HTTP answer came; then errorClass says why. */
  readonly status: number | null
  readonly errorClass: AttemptErrorClass | null
  readonly errorMessage: string | null
  readonly timing: AttemptTiming
  /** Excerpts; values of custom headers and signatures are left out. */
  readonly request: { readonly headers: Readonly<Record<string, string>>, readonly body: string }
  readonly response: { readonly headers: Readonly<Record<string, string>>, readonly body: string } | null
  readonly startedAt: Date
}
