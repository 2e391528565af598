/** Who a call is for. Turns go round organizations first, then round the batches of one organization. */
export interface CallOwner {
  readonly organizationId: string
  readonly batchId: string
  /** Most calls of this batch in flight at once in this process; null = no limit of its own. */
  readonly concurrency: number | null
}

/**
 * One per worker process. Keeps calls within each provider's concurrency, requests/min and tokens/min, shared with the
 * other workers through provider_lease (the sum of slots never passes the provider's limit).
 */
export interface Limiter {
  /**
   * Waits for a turn. `tokens` is the estimate charged against tokens/min. Resolves with `release`, to be called exactly
   * once when the call has ended. Rejects with the signal's reason when aborted while waiting.
   */
  acquire: (provider: string, owner: CallOwner, tokens: number, signal: AbortSignal) => Promise<() => void>
  /** Calls in flight and waiting now, by provider, for metrics and tests. */
  stats: () => Readonly<Record<string, { readonly inFlight: number, readonly waiting: number, readonly slots: number }>>
  /** Gives every lease back and rejects what waits. */
  close: () => Promise<void>
}
