/** Keeps one batch within its budget: money is reserved before a call and given back when the call has been settled. pico-USD. */
export interface Budget {
  /** Waits until `amount` fits beside what is spent and reserved. Resolves with `release`, or with null when it never will. */
  reserve: (amount: bigint) => Promise<((spent: bigint) => void) | null>
  /** The batch's cost as the database now has it. */
  settled: (cost: bigint) => void
}

export function createBudget (limit: bigint, spentBefore: bigint): Budget {
  // what this process settled but the database does not yet show is kept in `local`; both only ever rise
  let stored = spentBefore
  let local = spentBefore
  let reserved = 0n
  let inFlight = 0
  let waiters: Array<() => void> = []
  const spent = (): bigint => stored > local ? stored : local

  return {
    async reserve (amount) {
      for (;;) {
        if (spent() + reserved + amount <= limit) break
        if (inFlight === 0) return null
        // a call in flight may cost less than was reserved for it
        await new Promise<void>(resolve => { waiters.push(resolve) })
      }
      reserved += amount
      inFlight += 1
      return cost => {
        reserved -= amount
        inFlight -= 1
        local += cost
        const woken = waiters
        waiters = []
        for (const wake of woken) wake()
      }
    },
    settled (cost) {
      if (cost > stored) stored = cost
    }
  }
}
