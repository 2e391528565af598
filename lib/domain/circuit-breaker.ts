/**
 * Whether a deployment may be called. closed: yes. open: not before `until`. half-open: one call may try; what becomes of it
 * decides. Times are ms of a monotonic clock.
 */
export interface Breaker {
  /** Failures in a row. */
  readonly failures: number
  /** Times it opened in a row without a success between. */
  readonly opened: number
  /** Closed to calls before this moment; 0 = closed circuit. */
  readonly until: number
  /** A call tries whether it works again. */
  readonly trying: boolean
}

export const closedBreaker: Breaker = { failures: 0, opened: 0, until: 0, trying: false }

/** Failures in a row that open it. */
const tolerated = 5
const shortestPause = 2_000
const longestPause = 60_000

export function admits (breaker: Breaker, now: number): boolean {
  return breaker.until === 0 || (now >= breaker.until && !breaker.trying)
}

/** A call begins. */
export function begun (breaker: Breaker, now: number): Breaker {
  return breaker.until !== 0 && now >= breaker.until ? { ...breaker, trying: true } : breaker
}

/**
 * A call has begun to answer. The one that tries may go on for minutes, and the others need not wait for its end: the circuit is closed on
 * trial, and the next failure opens it again, for longer.
 */
export function answering (breaker: Breaker): Breaker {
  return breaker.trying ? { ...breaker, failures: tolerated - 1, until: 0, trying: false } : breaker
}

/** A call gave an answer of any kind that shows the deployment works, a refusal of the request included. */
export function succeeded (breaker: Breaker): Breaker {
  return breaker.failures === 0 && breaker.until === 0 ? breaker : closedBreaker
}

/**
 * A call failed for reasons of the deployment. `pause` = ms that it asked to be left alone (Retry-After), which opens the
 * circuit at once; null = it did not ask.
 */
export function failed (breaker: Breaker, now: number, pause: number | null): Breaker {
  const failures = breaker.failures + 1
  if (pause !== null && pause > 0) return { failures, opened: breaker.opened, until: Math.max(breaker.until, now + Math.min(pause, longestPause)), trying: false }
  if (!breaker.trying && failures < tolerated) return { ...breaker, failures }
  const length = Math.min(longestPause, shortestPause * 2 ** breaker.opened)
  return { failures, opened: breaker.opened + 1, until: now + length, trying: false }
}

/** A call ended without telling anything about the deployment: the client went away. */
export function abandoned (breaker: Breaker): Breaker {
  return breaker.trying ? { ...breaker, trying: false } : breaker
}
