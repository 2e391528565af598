import type { HeaderList } from '../domain/header-list.ts'
import type { Caller } from './jobs.ts'

/** Limits of one subject; null = none. */
export interface Limits {
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
  readonly concurrency: number | null
}

/** A limit that applies to a request. `subject` is unique over all of them: `key:key_1`, `model:gpt-x`, `model:gpt-x@org_1`. */
export interface LimitRule extends Limits {
  readonly subject: string
  /** For messages: `key`, `project`, `organization`, `model`. */
  readonly kind: 'organization' | 'project' | 'key' | 'model'
}

/** A budget that applies to a request. pico-USD. */
export interface BudgetRule {
  readonly id: string
  readonly kind: 'organization' | 'project' | 'key'
  readonly period: 'day' | 'week' | 'month' | 'total'
  readonly amount: bigint
  readonly hard: boolean
}

/** Headers of both families (OpenAI's x-ratelimit-*, IETF's RateLimit and RateLimit-Policy), of the tightest rules. */
export type LimitHeaders = HeaderList

export interface Admission {
  readonly headers: LimitHeaders
  /** Once, when the request has ended: the tokens it really used; the slot is free again. */
  settle: (tokens: number) => void
}

/**
 * Rate and concurrency limits over all processes. Answers at once while this process holds enough of a minute's limit;
 * otherwise it asks Postgres for more. Throws SiraError `rate_limit_exceeded` or `concurrency_limit_exceeded` (with
 * Retry-After and the headers), or `unavailable` when Postgres is away and nothing is left.
 */
export interface Limiting {
  admit: (rules: readonly LimitRule[], tokens: number) => Admission | Promise<Admission>
  close: () => Promise<void>
}

export interface Reservation {
  /** Once: what the request cost, in pico-USD; null = unknown price or nothing was called. */
  settle: (spent: bigint | null) => void
}

/**
 * Money over all processes. `reserve` holds `amount` of every hard budget that applies; when less is left it lets one
 * request at a time go over, so that a budget is never overspent by more than one request in flight per process and never
 * refuses for good while money is left. Throws SiraError `budget_exceeded`; `budget_reserved`, which may be repeated, when requests
 * under way have had all that is left reserved for seconds; `unavailable` when Postgres is away and the lease is used up.
 * `moment` (ms since 1970; now, unless given) says which periods pay: the charge has to name the same, so that it meets the lease.
 */
export interface Budgets {
  reserve: (rules: readonly BudgetRule[], amount: bigint, signal?: AbortSignal, moment?: number) => Reservation | Promise<Reservation>
  close: () => Promise<void>
}

/** What applies to a caller now; from memory, never from the database. */
export interface ControlState {
  /** Raised with every change anywhere; goes out as x-sira-config-version, so that a process that lags can be seen. */
  readonly version: number
  readonly limitsOf: (caller: Caller, model: string) => readonly LimitRule[]
  readonly budgetsOf: (caller: Caller) => readonly BudgetRule[]
  /** Saved parameters of the caller's project by name. */
  readonly presetOf: (caller: Caller, name: string) => Readonly<Record<string, unknown>> | undefined
}
