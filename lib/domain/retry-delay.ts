const firstDelay = 500
const longestDelay = 30_000

/**
 * ms to wait before the next try. `attempt` is the number of tries that failed, from 1; `retryAfter` is what the provider
 * asked for in ms; `random` is in [0, 1).
 *
 * The delay doubles from 500 ms to 30 s, ±25 %. Not full jitter: refused calls still count against most providers' limits,
 * so a retry right after the refusal is wasted, and the limiter already keeps the herd within the provider's concurrency.
 * A provider's Retry-After is a minimum, with the jitter on top, so that all who were told the same do not return at once.
 */
export function retryDelay ({ attempt, retryAfter, random }: { attempt: number, retryAfter: number | null, random: number }): number {
  const backoff = Math.min(longestDelay, firstDelay * 2 ** (attempt - 1))
  if (retryAfter === null) return Math.round(backoff * (0.75 + random / 2))
  return Math.ceil(retryAfter + Math.max(retryAfter, backoff) * random / 4)
}
