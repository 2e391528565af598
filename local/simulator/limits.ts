import { errorAnswer } from './error-answer.ts'
import type { ErrorAnswer } from './error-answer.ts'

/** null = no limit. */
export interface Limits {
  readonly maxInFlight: number | null
  readonly requestsPerMinute: number | null
  readonly tokensPerMinute: number | null
}

interface Admission {
  /** null = let in. */
  readonly error: ErrorAnswer | null
  /** x-ratelimit-* headers, name and value in turn; for accepted calls as well. */
  readonly headers: readonly string[]
}

export interface Limiter {
  /** Asks for one call of so many tokens; `inFlight` counts it already. `now` in monotonic ms. */
  admit: (now: number, tokens: number, inFlight: number) => Admission
}

const admitted: Admission = { error: null, headers: [] }
const minute = 60_000

/** Limits as a provider account has them: buckets that hold a minute's worth and refill evenly. */
export function createLimiter (limits: Limits): Limiter {
  const requests = limits.requestsPerMinute === null ? null : createBucket(limits.requestsPerMinute)
  const tokens = limits.tokensPerMinute === null ? null : createBucket(limits.tokensPerMinute)
  return {
    admit (now, tokenCount, inFlight) {
      if (limits.maxInFlight !== null && inFlight > limits.maxInFlight) return { error: refusal('requests', 1000), headers: [] }
      if (requests === null && tokens === null) return admitted
      const requestWait = requests?.wait(now, 1) ?? 0
      // A call may overdraw the tokens, so that one which is larger than the whole bucket is not stuck for ever.
      const tokenWait = tokens?.wait(now, Math.min(tokenCount, 1)) ?? 0
      const wait = Math.max(requestWait, tokenWait)
      if (wait === 0) {
        requests?.spend(1)
        tokens?.spend(tokenCount)
      }
      return {
        error: wait === 0 ? null : refusal(requestWait >= tokenWait ? 'requests' : 'tokens', wait),
        headers: [...requests?.headers('requests') ?? [], ...tokens?.headers('tokens') ?? []]
      }
    }
  }
}

interface Bucket {
  /** ms until so much is there; 0 = now. */
  wait: (now: number, amount: number) => number
  spend: (amount: number) => void
  headers: (unit: string) => string[]
}

function createBucket (perMinute: number): Bucket {
  let level = perMinute
  let filled: number | null = null
  return {
    wait (now, amount) {
      level = Math.min(perMinute, level + (now - (filled ?? now)) * perMinute / minute)
      filled = now
      return level >= amount ? 0 : Math.ceil((amount - level) * minute / perMinute)
    },
    spend (amount) { level -= amount },
    headers: unit => [
      `x-ratelimit-limit-${unit}`, String(perMinute),
      `x-ratelimit-remaining-${unit}`, String(Math.max(0, Math.floor(level))),
      `x-ratelimit-reset-${unit}`, duration((perMinute - level) * minute / perMinute)
    ]
  }
}

function refusal (unit: 'requests' | 'tokens', wait: number): ErrorAnswer {
  return errorAnswer({
    status: 429,
    message: `Rate limit reached for ${unit}. Please try again in ${duration(wait)}.`,
    type: unit,
    code: 'rate_limit_exceeded',
    headers: ['retry-after', String(Math.ceil(wait / 1000)), 'retry-after-ms', String(wait)]
  })
}

/** OpenAI's notation: 120ms, 1s, 6m0s. */
export function duration (ms: number): string {
  const whole = Math.ceil(ms)
  if (whole < 1000) return `${whole}ms`
  const seconds = Math.ceil(whole / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
