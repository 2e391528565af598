/** Counts the calls of each body, for faults that depend on how often it came. */
export interface Attempts {
  /** 1 for the first call of a body. */
  next: (digest: number) => number
  clear: () => void
}

const mostBodies = 1_000_000

export function createAttempts (): Attempts {
  const counts = new Map<number, number>()
  return {
    next (digest) {
      const attempt = (counts.get(digest) ?? 0) + 1
      counts.set(digest, attempt)
      if (counts.size > mostBodies) counts.delete(counts.keys().next().value!)
      return attempt
    },
    clear: () => counts.clear()
  }
}
