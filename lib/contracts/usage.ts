import type { Usage } from './prices.ts'

/** What became of one request, whatever its surface: a line of the journal, then a row of table usage. */
export interface UsageRecord {
  /** The request's id (`req_…`), which makes the row unique. */
  readonly id: string
  /** ms since 1970, UTC, when the request came; with the id the row's key. */
  readonly createdAt: number
  readonly organizationId: string
  readonly projectId: string
  readonly keyId: string
  /** `/v1/chat/completions` and the like. */
  readonly endpoint: string
  /** Public name. */
  readonly model: string
  /** null when none was called: refused, or answered from the cache. */
  readonly provider: string | null
  readonly deployment: string | null
  /** The caller's label (`safety_identifier`, else `user`), cut at 256 characters. */
  readonly endUser: string | null
  /** HTTP status of the answer; 499 when the client went away. */
  readonly status: number
  readonly errorCode: string | null
  readonly attempts: number
  readonly usage: Usage
  /** pico-USD as decimal text; null = a price it needs is unknown. */
  readonly cost: string | null
  readonly latencyMs: number
  readonly firstTokenMs: number | null
  readonly stream: boolean
  readonly cached: boolean
  /** The tokens are estimated: the answer was cut before the provider told. */
  readonly estimated: boolean
}

/**
 * Where usage is put down before an answer ends. `append` has written the line to a local file when it returns, so that it
 * survives the process. Lines go to Postgres within a second, or as soon as Postgres is back; there they are also settled
 * with the budgets, once each.
 */
export interface UsageJournal {
  append: (record: UsageRecord) => void
  /** false while too much waits for Postgres: new requests are then refused with `usage_backlog`. */
  hasRoom: () => boolean
  /** Resolves when all that was appended so far is in Postgres. */
  flush: () => Promise<void>
  close: () => Promise<void>
}
