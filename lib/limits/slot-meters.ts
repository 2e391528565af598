import type { Pool } from 'pg'
import { fairPart } from '../domain/limit-slices.ts'
import { takeSlots, type SlotAsk } from '../store/request-slots.ts'
import type { ProcessCount } from './process-count.ts'
import type { Verdict } from './rate-meters.ts'
import type { StoreLink } from './store-link.ts'

/** ms between two looks at slots that were not used: how long others may have to wait for them. */
const TICK = 100
/** ms that a request waits at least for slots that other processes hold, which they may just not have given back yet. */
const USUAL_WAIT = 250
/** Questions that are answered at least while it waits: a busy machine is slow to answer them, and as slow to give back what is not used. */
const LEAST_LOOKS = 8
/** ms after which it waits no longer: the Retry-After of the refusal that follows. */
const LONGEST_WAIT = 1_000
/** ms between two questions of those who wait. */
const LOOK_AGAIN = 25
/** Requests that wait at one subject; more are refused at once. */
const MOST_WAITING = 500

interface Waiter { readonly since: number, looks: number, readonly resolve: (verdict: Verdict) => void }

/** Requests in flight of one subject. */
export interface SlotMeter {
  readonly subject: string
  limit: number
  inUse: number
  /** What the store holds for this process. */
  held: number
  /** The most in use since the last tick. */
  peak: number
  asking: boolean
  timer: NodeJS.Timeout | null
  readonly waiters: Waiter[]
}

export interface SlotMeters {
  readonly meter: (subject: string, limit: number) => SlotMeter
  /** A slot, at once where that is possible. */
  readonly take: (meter: SlotMeter) => Verdict | Promise<Verdict>
  readonly release: (meter: SlotMeter) => void
  readonly close: () => Promise<void>
}

/** Slots of table provider_lease under the subjects of limits. Idle subjects are forgotten. */
export function createSlotMeters ({ pool, processId, link, processes }: { pool: Pool, processId: string, link: StoreLink, processes: ProcessCount }): SlotMeters {
  const meters = new Map<string, SlotMeter>()
  const asking = new Set<SlotMeter>()
  let flushing: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let closed = false

  return {
    meter (subject, limit) {
      let meter = meters.get(subject)
      if (meter === undefined) {
        meter = { subject, limit, inUse: 0, held: 0, peak: 0, asking: false, timer: null, waiters: [] }
        meters.set(subject, meter)
        if (!closed) timer ??= setTimeout(tick, TICK).unref()
      }
      meter.limit = limit
      return meter
    },
    take (meter) {
      if (meter.waiters.length === 0 && use(meter)) return 'taken'
      if (link.isCut()) return takePart(meter)
      // all of them are in use here: there is nothing to wait for
      if (meter.inUse >= meter.limit || meter.waiters.length >= MOST_WAITING) return 'exhausted'
      return new Promise(resolve => {
        meter.waiters.push({ since: performance.now(), looks: 0, resolve })
        ask(meter)
      })
    },
    release (meter) {
      meter.inUse -= 1
      while (meter.waiters.length > 0 && use(meter)) meter.waiters.shift()!.resolve('taken')
    },
    async close () {
      closed = true
      if (timer !== null) clearTimeout(timer)
      await flushing
      const asks = [...meters.values()].filter(meter => meter.held > meter.inUse).map(meter => question(meter, meter.inUse))
      // slots in use stay until this process's lock is free
      if (asks.length > 0) await link.ask(async () => await takeSlots(pool, processId, asks))
    }
  }

  function use (meter: SlotMeter): boolean {
    if (meter.inUse >= Math.min(meter.held, meter.limit)) return false
    meter.inUse += 1
    meter.peak = Math.max(meter.peak, meter.inUse)
    return true
  }

  /** While the store is away: this process's part of the limit, if it does not hold more anyway. */
  function takePart (meter: SlotMeter): Verdict {
    if (use(meter)) return 'taken'
    const part = fairPart(meter.limit, processes.last())
    if (meter.inUse >= part) return meter.inUse === 0 ? 'cut' : 'exhausted'
    meter.inUse += 1
    meter.peak = Math.max(meter.peak, meter.inUse)
    return 'taken'
  }

  function ask (meter: SlotMeter): void {
    if (meter.asking) return
    meter.asking = true
    asking.add(meter)
    flushing ??= flush().finally(() => { flushing = null })
  }

  async function flush (): Promise<void> {
    await Promise.resolve() // all of one tick with one question
    while (asking.size > 0) {
      const asked = [...asking]
      asking.clear()
      await exchange(asked, asked.map(meter => question(meter, Math.max(meter.held, meter.inUse))))
    }
  }

  /** What a process keeps it has already taken off itself, so that nothing starts on a slot that is being given back. */
  async function exchange (asked: readonly SlotMeter[], asks: readonly SlotAsk[]): Promise<void> {
    const answers = await link.ask(async () => await takeSlots(pool, processId, asks))
    for (const [index, meter] of asked.entries()) {
      meter.asking = false
      if (answers === null) {
        for (const waiter of meter.waiters.splice(0)) waiter.resolve(takePart(meter))
      } else {
        meter.held = answers[index]!.held
        serve(meter)
      }
    }
  }

  function serve (meter: SlotMeter): void {
    while (meter.waiters.length > 0 && use(meter)) meter.waiters.shift()!.resolve('taken')
    const now = performance.now()
    for (const waiter of meter.waiters) waiter.looks += 1
    while (meter.waiters.length > 0 && (hasWaited(meter.waiters[0]!, now) || meter.inUse >= meter.limit)) meter.waiters.shift()!.resolve('exhausted')
    if (meter.waiters.length > 0) {
      meter.timer ??= setTimeout(() => {
        meter.timer = null
        ask(meter)
      }, LOOK_AGAIN)
    }
  }

  function question (meter: SlotMeter, keep: number): SlotAsk {
    const { subject, limit, waiters, peak } = meter
    return { subject, limit, keep, need: waiters.length, want: waiters.length === 0 ? 0 : Math.ceil(peak / 4) }
  }

  function tick (): void {
    void look().finally(() => { timer = closed || meters.size === 0 ? null : setTimeout(tick, TICK).unref() })
  }

  async function look (): Promise<void> {
    const unused: SlotMeter[] = []
    for (const meter of meters.values()) {
      if (meter.asking || meter.waiters.length > 0) continue
      if (meter.held === 0 && meter.inUse === 0) {
        meters.delete(meter.subject)
      } else if (meter.held !== Math.max(meter.peak, meter.inUse) && !link.isCut()) {
        meter.held = Math.max(meter.peak, meter.inUse)
        meter.asking = true
        unused.push(meter)
      }
      meter.peak = meter.inUse
    }
    if (unused.length > 0) await exchange(unused, unused.map(meter => question(meter, meter.held)))
    await processes.refresh()
  }
}

function hasWaited ({ since, looks }: Waiter, now: number): boolean {
  const waited = now - since
  return waited >= LONGEST_WAIT || (waited >= USUAL_WAIT && looks >= LEAST_LOOKS)
}
