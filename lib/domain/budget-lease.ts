/** Of what is left a process takes no more than this part ahead of its need, so that many leases fit beside each other. */
const AHEAD = 8n

/**
 * What one process gets of a budget. pico-USD. `free` is what neither the books nor any lease holds; `needed` what it cannot do
 * without now: it gets all of that or, when less is free, what there is. What it has settled beyond its lease (`settledBeyond`)
 * it gets in any case, because that money is gone.
 */
export function decideGrant ({ free, needed, settledBeyond }: { free: bigint, needed: bigint, settledBeyond: bigint }): bigint {
  const left = free - settledBeyond
  if (left <= 0n) return settledBeyond
  if (needed >= left) return settledBeyond + left
  return settledBeyond + needed + (left - needed) / AHEAD
}

/** A process's own view of its lease. pico-USD. */
export interface HeldMoney {
  /** Granted and neither settled nor given back. Below zero after a request that cost more than it had reserved. */
  held: bigint
  /** Of that, reserved for requests in flight; above `held` while one of them overdraws. */
  reserved: bigint
  /** A request in flight was let go over what was left. */
  overdrawn: boolean
}

export function fits ({ held, reserved }: HeldMoney, amount: bigint): boolean {
  return held - reserved >= amount
}

/** Whether a request that does not fit may go over, when nothing more is to be had: while something is left, one at a time. */
export function mayOverdraw ({ held, reserved, overdrawn }: HeldMoney): boolean {
  return !overdrawn && held > reserved
}
