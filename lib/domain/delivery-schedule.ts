/** ms. A receiver may ask for a longer wait than the schedule's, up to this. */
const longestWish = 24 * 3_600_000
/** ms. How long an overloaded receiver that names no time is left alone, at most. */
const longestRest = 60_000
/** Answers of receivers, or of what stands before them, that cannot keep up: Standard Webhooks asks to send less then. */
const overloaded = [429, 502, 504]
const gone = 410
/** Failures in a row after which an endpoint counts as failing: it is told, and tried with one request at a time. */
export const FAILING_AFTER = 4
/** Failures in a row without which no endpoint is disabled, however long ago the first was. */
const fewestFailures = 20

/** What an attempt came to, as far as the next one depends on it. */
export interface AttemptVerdict {
  /** null = no answer came. */
  readonly status: number | null
  /** ms that the receiver asked to wait; null = nothing asked. */
  readonly retryAfter: number | null
}

/** Where a delivery is: `tried` are the targets that have failed in this round. */
export interface DeliveryPlace { readonly round: number, readonly tried: readonly string[] }

export interface NextStep extends DeliveryPlace {
  readonly state: 'pending' | 'delivered' | 'exhausted'
  /** ms until the next attempt, of a pending one. */
  readonly delay: number
  /** ms in which the endpoint should get nothing at all; null = it may go on. */
  readonly rest: number | null
  /** Whether the endpoint is to be disabled, because it says that it is no more. */
  readonly gone: boolean
}

export function isDelivered (status: number | null): boolean {
  return status !== null && status >= 200 && status < 300
}

/**
 * What comes after an attempt at `url`. Only 2xx is success; redirects are failures. Other targets are tried at once, within the round; when none is left,
 * the next round follows after its time in `schedule` (ms before each round), ±20 %, and not before the time that the receiver asked for. After the
 * last round the delivery is exhausted. An endpoint with several targets is not gone because one of them says so. `random` is in [0, 1).
 */
export function nextStep (options: {
  verdict: AttemptVerdict, place: DeliveryPlace, url: string, targets: readonly string[], schedule: readonly number[], random: number
}): NextStep {
  const { verdict, place, url, targets, schedule, random } = options
  const { round } = place
  if (isDelivered(verdict.status)) return { state: 'delivered', round, tried: [], delay: 0, rest: null, gone: false }
  const tried = [...place.tried, url]
  if (targets.some(target => !tried.includes(target))) return { state: 'pending', round, tried, delay: 0, rest: null, gone: false }
  const wish = verdict.retryAfter === null ? null : Math.min(verdict.retryAfter, longestWish)
  const isOverloaded = verdict.status !== null && overloaded.includes(verdict.status)
  const rest = wish ?? (isOverloaded ? Math.min(longestRest, schedule[1] ?? 0) : null)
  const isGone = verdict.status === gone && targets.length === 1
  const next = schedule[round + 1]
  if (next === undefined) return { state: 'exhausted', round, tried, delay: 0, rest, gone: isGone }
  return { state: 'pending', round: round + 1, tried: [], delay: Math.max(Math.round(next * (0.8 + 0.4 * random)), wish ?? 0), rest, gone: isGone }
}

/** Whether an endpoint has given nothing but failure for so long that it is disabled. `failingFor`: ms since the first of `failures`. */
export function isHopeless ({ failures, failingFor, disableAfter }: { failures: number, failingFor: number, disableAfter: number }): boolean {
  return failures >= fewestFailures && failingFor >= disableAfter
}

/** Requests that an endpoint may have under way. A failing one holds one connection until it answers well, so that it takes little from the others. */
export function allowedConcurrency (concurrency: number, failures: number): number {
  return failures >= FAILING_AFTER ? 1 : concurrency
}
