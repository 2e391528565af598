/** The clock that minutes are counted by: the database's, because it is the one that all processes share. */
export interface MinuteClock {
  /** ms since 1970. */
  readonly now: () => number
  /** What the database just said. */
  readonly correct: (now: number) => void
  /** Whether it was ever corrected. */
  readonly isCorrected: () => boolean
}

export const MINUTE = 60_000

/** ms: a correction further back than this is a clock that was set, not the jitter of answers. */
const JUMP = 5_000

/** Never goes back by jitter: a minute that has begun is not over again. */
export function createMinuteClock (): MinuteClock {
  let offset = Date.now() - performance.now()
  let latest = 0
  let corrected = false
  return {
    now () {
      latest = Math.max(latest, performance.now() + offset)
      return latest
    },
    correct (now) {
      offset = now - performance.now()
      if (!corrected || now < latest - JUMP) latest = now
      corrected = true
    },
    isCorrected: () => corrected
  }
}
