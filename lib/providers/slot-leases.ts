import type { Pool } from 'pg'
import { claimSlots } from './slot-claim.ts'
import type { SlotConsumer, SlotSource } from './slot-source.ts'

/** ms between refreshes of a lease that has what it wants. */
const calm = 500
/** ms between refreshes of one that owes slots or waits for others to give theirs back. */
const hurried = 100
/** ms, the least between two refreshes. */
const shortest = 20

interface Lease {
  readonly provider: string
  limit: number
  /** Calls that may be in flight now; never above what the store holds for this worker. */
  usable: number
  /** Of the rates, 0 to 1. */
  share: number
  /** Whether the last answer gave all that was asked for: only then is asking again at once of use. */
  satisfied: boolean
  running: Promise<void> | null
  startedAt: number
  /** Asked for while running. */
  woken: boolean
  timer: NodeJS.Timeout | null
  /** The last refresh failed, and was reported. */
  failing: boolean
}

/**
 * Slots from table provider_lease, shared with the other workers. While there is demand or something is held, each lease is
 * refreshed: what was not needed since the last time goes back, more is taken as others leave it free. It shrinks in two
 * steps, first here (no new calls), then, as calls end, in the store; so the sum of what workers use never passes the limit.
 * While Postgres is away a worker keeps what it has. `warn` hears of the first failure of a series.
 */
export function createSlotLeases ({ pool, workerId, limits, warn }: {
  pool: Pool
  workerId: string
  /** Provider name → most calls in flight over all workers; asked again each time, because providers change. */
  limits: { get: (provider: string) => number | undefined }
  warn: (message: string, error: unknown) => void
}): SlotSource {
  let consumer: SlotConsumer | null = null
  let closed = false
  const leases = new Map<string, Lease>()
  const leaseOf = (provider: string): Lease => {
    let lease = leases.get(provider)
    if (lease === undefined) {
      // gone before anybody held a slot of it: what waits for it is let go one after the other
      lease = { provider, limit: limits.get(provider) ?? 1, usable: 0, share: 0, satisfied: true, running: null, startedAt: -Infinity, woken: false, timer: null, failing: false }
      leases.set(provider, lease)
    }
    return lease
  }

  async function refresh (lease: Lease): Promise<void> {
    // of a provider that is gone, what waits for it is still let go
    lease.limit = limits.get(lease.provider) ?? lease.limit
    const { provider, limit } = lease
    const demand = consumer!.demand(provider)
    const wanted = Math.min(demand.wanted, limit)
    // first here, then in the store: until its answer nothing starts on a slot that is being given back.
    // Not while the store is away: what is given up could not be had again
    if (wanted < lease.usable && !lease.failing) use(lease, wanted, lease.share)
    const held = Math.max(demand.inFlight, lease.usable)
    try {
      const claim = await claimSlots(pool, { provider, workerId, limit, held, wanted })
      lease.failing = false
      lease.satisfied = claim.usable >= wanted
      use(lease, claim.usable, claim.share)
      const settled = claim.recorded === claim.usable && claim.usable >= claim.target
      if (lease.woken && lease.satisfied) schedule(lease, shortest)
      else if (wanted > 0 || claim.recorded > 0) schedule(lease, settled ? calm : hurried)
    } catch (error) {
      if (!lease.failing) warn(`slots of provider ${provider} cannot be refreshed; going on with ${lease.usable}`, error)
      lease.failing = true
      schedule(lease, calm)
    }
  }

  function use (lease: Lease, usable: number, share: number): void {
    lease.usable = usable
    lease.share = share
    if (!closed) consumer!.granted(lease.provider, usable, share)
  }

  /** Runs a refresh `delay` ms after the start of the last one. */
  function schedule (lease: Lease, delay: number): void {
    if (closed) return
    if (lease.timer !== null) clearTimeout(lease.timer)
    // never in the same tick: the rows of a chunk ask one after the other, and one question should stand for all of them
    lease.timer = setTimeout(run, Math.max(0, lease.startedAt + delay - performance.now()), lease)
  }

  function run (lease: Lease): void {
    lease.timer = null
    lease.woken = false
    lease.startedAt = performance.now()
    lease.running = refresh(lease).finally(() => { lease.running = null })
  }

  return {
    start (given) { consumer = given },
    wake (provider) {
      const lease = leaseOf(provider)
      if (lease.woken || lease.usable >= (limits.get(provider) ?? lease.limit)) return
      if (lease.running !== null) lease.woken = true
      else if (lease.timer === null || (lease.satisfied && !lease.failing)) {
        lease.woken = true
        schedule(lease, shortest)
      }
    },
    async close () {
      closed = true
      for (const lease of leases.values()) if (lease.timer !== null) clearTimeout(lease.timer)
      for (const lease of leases.values()) await lease.running
      // calls still in flight keep their slots, until this worker's lock is free
      const idle = [...leases.keys()].filter(provider => consumer === null || consumer.demand(provider).inFlight === 0)
      try {
        await pool.query('DELETE FROM provider_lease WHERE worker_id = $1 AND provider = ANY($2)', [workerId, idle])
      } catch (error) {
        warn('slots cannot be given back; they are free once this process has ended', error)
      }
    }
  }
}
