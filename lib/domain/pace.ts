/** ms that a request may make up for: without it the lateness of timers would add up. */
const mostLateness = 100

export interface Pace {
  /** ms until the next request may start; 0 = now. `now` is monotonic, in ms. */
  readonly wait: (now: number) => number
  /** A request starts. */
  readonly take: (now: number) => void
}

/** Spreads requests evenly: `perSecond` of them, without bursts. null = no limit. */
export function createPace (perSecond: number | null): Pace {
  if (perSecond === null) return { wait: () => 0, take: () => {} }
  const interval = 1_000 / perSecond
  let next: number | null = null
  return {
    wait: now => next === null ? 0 : Math.max(0, Math.ceil(next - now)),
    take (now) { next = (next === null ? now : Math.max(next, now - mostLateness)) + interval }
  }
}
