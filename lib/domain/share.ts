/**
 * Max-min fair division of `limit` whole slots among claimants who want some: nobody gets more than wanted, and nobody gets
 * less than another who got more than it wanted less. `turn` says who gets what does not divide evenly, so that with more
 * claimants than slots each has slots in turn.
 */
export function fairShares (limit: number, wants: readonly number[], turn: number): number[] {
  const shares = wants.map(() => 0)
  let rest = limit
  let hungry = wants.flatMap((want, index) => want > 0 ? [index] : [])
  while (hungry.length > 0 && rest >= hungry.length) {
    const portion = Math.floor(rest / hungry.length)
    for (const index of hungry) {
      const part = Math.min(portion, wants[index]! - shares[index]!)
      shares[index]! += part
      rest -= part
    }
    hungry = hungry.filter(index => shares[index]! < wants[index]!)
  }
  for (let step = 0; step < rest && step < hungry.length; step++) {
    shares[hungry[(turn + step) % hungry.length]!]! += 1
  }
  return shares
}

/** A worker's claim on a provider. `slots` is what it holds now, calls in flight included. */
export interface Claim { readonly slots: number, readonly wanted: number }

/**
 * What one worker may hold now. `recorded` goes into its lease: what it holds stays until its calls end, and it grows only into
 * what the others leave free, so that the sum over workers never passes the limit. `usable` is how many calls it may have in
 * flight from now on; less than `recorded` means that it owes the difference. `target` is its fair share.
 */
export function decideLease ({ limit, mine, others, position, turn }: {
  limit: number
  mine: Claim
  others: readonly Claim[]
  /** Where this worker stands in the order that all workers agree on. */
  position: number
  turn: number
}): { recorded: number, usable: number, target: number } {
  const wants = others.map(claim => claim.wanted)
  wants.splice(position, 0, mine.wanted)
  const target = fairShares(limit, wants, turn)[position]!
  const room = Math.max(0, limit - others.reduce((sum, claim) => sum + claim.slots, 0))
  const recorded = Math.min(room, Math.max(mine.slots, target))
  return { recorded, usable: Math.min(recorded, target), target }
}
