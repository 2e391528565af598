/** Of a limit, what a process may keep unused: two or three of them stay within a hundredth together. */
const KEEP_PART = 400

/** How much of what a process holds of a minute it keeps: what it used since the last look, or next to nothing of the limit. */
export function keepOfRate ({ limit, left, recent }: { limit: number, left: number, recent: number }): number {
  // twice, so that a steady load is not handed back and forth
  return left > 2 * recent ? Math.min(left, Math.max(recent, Math.floor(limit / KEEP_PART))) : left
}

/** Of a limit, the part of one process while nobody can be asked. Never less than it has used already. */
export function fairPart (limit: number, processes: number): number {
  return Math.floor(limit / Math.max(1, processes))
}
