import type { Abortable } from './abort-groups.ts'
import type { ProviderConfig } from './catalog-types.ts'
import { charge, createRateBucket, setRate, setShare, waitFor } from './limiter-rate.ts'
import type { RateBucket } from './limiter-rate.ts'
import { hold } from './limiter-turns.ts'
import type { BatchTurn, Turns } from './limiter-turns.ts'
import type { LinkedList } from './linked-list.ts'

export interface ProviderState {
  readonly name: string
  readonly turns: Turns<Waiter>
  /** What the rates were made from; null before the first look. */
  config: ProviderConfig | null
  requests: RateBucket | null
  tokens: RateBucket | null
  inFlight: number
  slots: number
  /** Of the rates, 0 to 1. */
  share: number
  /** The most slots that would have been used at once since the slot source last asked. */
  peak: number
  /** Set while the next in turn waits for the rate. */
  timer: NodeJS.Timeout | null
}

/** A batch in this process; its concurrency counts over all providers. */
export interface BatchState {
  readonly id: string
  concurrency: number | null
  inFlight: number
  waiting: number
  /** Out of turn everywhere, because it has as many calls in flight as it may. */
  held: boolean
  readonly turns: Map<ProviderState, BatchTurn<Waiter>>
}

/** A class, because thousands wait and methods on a prototype cost nothing each. */
export class Waiter implements Abortable {
  previous: Waiter | null = null
  next: Waiter | null = null
  list: LinkedList<Waiter> | null = null
  readonly state: ProviderState
  readonly owner: BatchState
  readonly batch: BatchTurn<Waiter>
  readonly tokens: number
  readonly signal: AbortSignal
  readonly resolve: (release: () => void) => void
  readonly reject: (reason: unknown) => void
  readonly leave: (waiter: Waiter) => void

  constructor (
    state: ProviderState, owner: BatchState, batch: BatchTurn<Waiter>, tokens: number, signal: AbortSignal,
    resolve: (release: () => void) => void, reject: (reason: unknown) => void, leave: (waiter: Waiter) => void
  ) {
    this.state = state
    this.owner = owner
    this.batch = batch
    this.tokens = tokens
    this.signal = signal
    this.resolve = resolve
    this.reject = reject
    this.leave = leave
  }

  abort (reason: unknown): void {
    this.leave(this)
    this.reject(reason)
  }
}

/** Takes a batch that has all the calls it may have out of turn everywhere, or puts it back. True when it came back. */
export function setHeld (batch: BatchState): boolean {
  const full = batch.concurrency !== null && batch.inFlight >= batch.concurrency
  if (full === batch.held) return false
  batch.held = full
  for (const [state, turn] of batch.turns) hold(state.turns, turn, full)
  return !full
}

/** Takes over the rates of the provider's configuration. False when that is the one they were made from. */
export function followRates (state: ProviderState, config: ProviderConfig): boolean {
  if (state.config === config) return false
  state.config = config
  state.requests = withRate(state.requests, config.requestsPerMinute, state.share)
  state.tokens = withRate(state.tokens, config.tokensPerMinute, state.share)
  return true
}

function withRate (bucket: RateBucket | null, perMinute: number | null, share: number): RateBucket | null {
  if (perMinute === null) return null
  const now = performance.now()
  if (bucket === null) {
    bucket = createRateBucket(perMinute)
    if (share > 0) setShare(bucket, share, now)
  } else if (bucket.perMinute !== perMinute) {
    setRate(bucket, perMinute, now)
  }
  return bucket
}

/** ms until both rates allow a call; 0 = charged, it goes now. */
export function rateDelay (state: ProviderState, tokens: number): number {
  if (state.requests === null && state.tokens === null) return 0
  const now = performance.now()
  const delay = Math.max(
    state.requests === null ? 0 : waitFor(state.requests, 1, now),
    state.tokens === null ? 0 : waitFor(state.tokens, tokens, now)
  )
  if (delay > 0) return delay
  if (state.requests !== null) charge(state.requests, 1)
  if (state.tokens !== null) charge(state.tokens, tokens)
  return 0
}
