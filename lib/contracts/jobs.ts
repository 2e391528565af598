import type { JobState } from '../domain/job-state.ts'

export interface JobCounts { readonly total: number | null, readonly succeeded: number, readonly failed: number }

export const jobKinds = ['batch', 'webhook_replay'] as const
export type JobKind = typeof jobKinds[number]

/** A job's row as every reader sees it: routes, SSE and Socket.IO. Times are Dates; cost is pico-USD. */
export interface JobRecord {
  readonly id: string
  readonly kind: JobKind
  readonly organizationId: string
  readonly projectId: string
  readonly apiKeyId: string
  readonly state: JobState
  readonly seq: number
  readonly counts: JobCounts
  readonly usage: { readonly inputTokens: number, readonly cachedInputTokens: number, readonly outputTokens: number, readonly reasoningTokens: number }
  readonly cost: bigint
  /** Settled rows whose price is unknown; they are not in cost. */
  readonly unpriced: number
  /** Rows per second, smoothed over a few seconds; 0 before the first second. */
  readonly rate: number
  readonly error: { readonly code: string, readonly message: string } | null
  readonly metadata: Readonly<Record<string, string>> | null
  readonly createdAt: Date
  readonly startedAt: Date | null
  readonly cancelRequestedAt: Date | null
  readonly finalizingAt: Date | null
  readonly finishedAt: Date | null
  readonly expiresAt: Date
}

/** An immutable fact about a job: table event. `seq` is the job's at the moment of the change. */
export interface JobEvent {
  readonly id: string
  readonly job: string
  readonly seq: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  readonly createdAt: Date
}

/** The tenant a caller acts for. Every query that a request leads to is bound by it. */
export interface Tenant { readonly organizationId: string, readonly projectId: string }

/** Who is calling: the result of authentication. */
export interface Caller extends Tenant {
  readonly keyId: string
  /** None = everything but administration (lib/contracts/scopes.ts). */
  readonly scopes: readonly string[]
  /** Public model names the key may use; absent or null = all. */
  readonly models?: readonly string[] | null
  /** Addresses and CIDR ranges the key may be used from; absent or null = anywhere. */
  readonly allowedIps?: readonly string[] | null
  /** Seconds that answers are cached without being asked; absent or null = only when a request asks. */
  readonly cacheTtlSeconds?: number | null
}

/**
 * What Socket.IO sends as `progress` and SSE as `event: progress` (id = seq). Field names as on the wire.
 * cost is USD as a decimal string; eta_s is whole seconds or null when unknown.
 */
export interface ProgressMessage {
  readonly job: string
  readonly seq: number
  readonly state: JobState
  readonly counts: JobCounts
  readonly rate: number
  readonly eta_s: number | null
  readonly tokens: { readonly input: number, readonly output: number }
  readonly cost: string
}

/** NOTIFY channel of coalesced hints. The payload is a JSON array of `[jobId, seq]`; the row is the truth. */
export const jobHintChannel = 'sira_jobs'
