import type { Pool } from 'pg'
import { fairPart, keepOfRate } from '../domain/limit-slices.ts'
import { forgetRates, takeRates, type RateAsk } from '../store/rate-windows.ts'
import { MINUTE, type MinuteClock } from './minute-clock.ts'
import type { ProcessCount } from './process-count.ts'
import type { StoreLink } from './store-link.ts'

/** ms between two looks at what lies idle: how long a process keeps what it does not need. */
const TICK = 200
/** ms that a minute found used up is not asked for again: others may give back. */
const RECHECK = 100
/** ms before the end of a minute at which a slice of the next is fetched for subjects in use. */
const AHEAD = 600

/** Requests or tokens of one subject: what this process holds of the current minute. */
export interface RateMeter {
  readonly subject: string
  limit: number
  minute: number
  /** Taken and not used; below zero when more was used than had been estimated. */
  left: number
  /** Already taken of the minute behind. */
  next: number
  used: number
  /** Used since the last tick. */
  recent: number
  /** What the store had left, when asked last. */
  remaining: number
  slice: number
  answeredAt: number
  asking: boolean
  readonly waiters: Array<{ readonly amount: number, readonly resolve: (verdict: Verdict) => void }>
}

export type Verdict = 'taken' | 'exhausted' | 'cut'

export interface RateMeters {
  readonly meter: (subject: string, limit: number) => RateMeter
  /** At once where that is possible. */
  readonly take: (meter: RateMeter, amount: number) => Verdict | Promise<Verdict>
  /** Gives `amount` back, or takes more when it is negative; of no effect once the minute is over. */
  readonly giveBack: (meter: RateMeter, minute: number, amount: number) => void
  readonly close: () => Promise<void>
}

/** Slices of table rate_window. Whatever is asked while a question is under way goes with the next, all subjects together. */
export function createRateMeters ({ pool, clock, link, processes }: { pool: Pool, clock: MinuteClock, link: StoreLink, processes: ProcessCount }): RateMeters {
  const meters = new Map<string, RateMeter>()
  const asking = new Set<RateMeter>()
  let flushing: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null
  let closed = false
  let forgottenAt = 0

  return {
    meter (subject, limit) {
      let meter = meters.get(subject)
      if (meter === undefined) {
        meter = { subject, limit, minute: 0, left: 0, next: 0, used: 0, recent: 0, remaining: limit, slice: 0, answeredAt: -Infinity, asking: false, waiters: [] }
        meters.set(subject, meter)
        if (!closed) timer ??= setTimeout(tick, TICK).unref()
      }
      if (meter.limit !== limit) {
        meter.remaining += limit - meter.limit
        meter.limit = limit
        meter.answeredAt = -Infinity
      }
      roll(meter)
      return meter
    },
    take (meter, amount) {
      if (meter.waiters.length === 0 && use(meter, amount)) {
        if (meter.left * 2 < meter.slice && meter.remaining > 0 && !link.isCut()) ask(meter)
        return 'taken'
      }
      if (link.isCut()) return takePart(meter, amount)
      if (meter.left + meter.remaining < amount && performance.now() - meter.answeredAt < RECHECK) return 'exhausted'
      return new Promise(resolve => {
        meter.waiters.push({ amount, resolve })
        ask(meter)
      })
    },
    giveBack (meter, minute, amount) {
      roll(meter)
      if (meter.minute !== minute) return
      meter.left += amount
      meter.used -= amount
    },
    async close () {
      closed = true
      if (timer !== null) clearTimeout(timer)
      await flushing
      const asks = [...meters.values()].filter(meter => meter.left !== 0 && roll(meter)).map(meter => question(meter, meter.left))
      if (asks.length > 0) await link.ask(async () => await takeRates(pool, asks))
    }
  }

  /** Begins a new minute where it is time; true when the meter still had the current one. */
  function roll (meter: RateMeter): boolean {
    const minute = Math.floor(clock.now() / MINUTE)
    if (meter.minute === minute) return true
    meter.left = meter.minute === minute - 1 ? meter.next : 0
    Object.assign(meter, { minute, next: 0, used: 0, remaining: meter.limit, slice: 0, answeredAt: -Infinity })
    return false
  }

  function use (meter: RateMeter, amount: number): boolean {
    if (meter.left < amount) return false
    meter.left -= amount
    meter.used += amount
    meter.recent += amount
    return true
  }

  /** While the store is away: this process's part of the limit. What is used beyond the slices is owed to the minute. */
  function takePart (meter: RateMeter, amount: number): Verdict {
    if (use(meter, amount)) return 'taken'
    const part = fairPart(meter.limit, processes.last())
    if (meter.used + amount > part) return part === 0 || amount > part ? 'cut' : 'exhausted'
    meter.left -= amount
    meter.used += amount
    meter.recent += amount
    return 'taken'
  }

  function ask (meter: RateMeter): void {
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
      if (!clock.isCorrected()) await processes.refresh()
      for (const meter of asked) roll(meter)
      const asks = asked.map(meter => question(meter, meter.left < 0 ? meter.left : 0))
      // what is owed is sent with the question
      for (const meter of asked) if (meter.left < 0) meter.left = 0
      const answer = await link.ask(async () => await takeRates(pool, asks))
      if (answer !== null) clock.correct(answer.now)
      for (const [index, meter] of asked.entries()) {
        meter.asking = false
        const minute = asks[index]!.minute
        roll(meter)
        if (answer === null) {
          if (meter.minute === minute) meter.left += asks[index]!.give
          for (const waiter of meter.waiters.splice(0)) waiter.resolve(takePart(meter, waiter.amount))
          continue
        }
        if (meter.minute === minute) {
          const { given, remaining } = answer.answers[index]!
          Object.assign(meter, { left: meter.left + given, slice: given, remaining, answeredAt: performance.now() })
        }
        serve(meter)
      }
    }
  }

  function serve (meter: RateMeter): void {
    // after a turn of the minute nothing is known yet, and all of them ask again
    const known = meter.answeredAt !== -Infinity
    const waiting = meter.waiters.splice(0)
    for (const waiter of waiting) {
      if (use(meter, waiter.amount)) waiter.resolve('taken')
      else if (known && meter.left + meter.remaining < waiter.amount) waiter.resolve('exhausted')
      else meter.waiters.push(waiter)
    }
    if (meter.waiters.length > 0) ask(meter)
  }

  function question (meter: RateMeter, give: number): RateAsk {
    const held = Math.max(0, meter.left)
    const waiting = meter.waiters.reduce((sum, waiter) => sum + waiter.amount, 0)
    const smallest = meter.waiters.reduce((least, waiter) => Math.min(least, waiter.amount), Infinity)
    const { subject, minute, limit } = meter
    return {
      subject, minute, limit, give,
      need: Math.max(0, waiting - held),
      useful: waiting === 0 ? 0 : Math.max(0, smallest - held),
      want: closed ? 0 : Math.max(2 * meter.recent, Math.ceil(limit / 200))
    }
  }

  function tick (): void {
    void look().finally(() => { timer = closed || meters.size === 0 ? null : setTimeout(tick, TICK).unref() })
  }

  async function look (): Promise<void> {
    const now = clock.now()
    const minute = Math.floor(now / MINUTE)
    const ending = MINUTE - now % MINUTE < AHEAD
    const asks: RateAsk[] = []
    const ahead: Array<{ meter: RateMeter, place: number }> = []
    for (const meter of meters.values()) {
      // a question under way carries what it carries: this one is looked at again next time
      if (meter.asking || meter.waiters.length > 0) continue
      if (!roll(meter) && meter.recent === 0 && meter.left === 0) {
        meters.delete(meter.subject)
        continue
      }
      const surplus = meter.left < 0 ? meter.left : meter.left - keepOfRate(meter)
      if (surplus !== 0 && !link.isCut()) {
        meter.left -= surplus
        asks.push({ ...question(meter, surplus), want: 0 })
      }
      if (ending && meter.recent > 0 && meter.next === 0 && !link.isCut()) {
        ahead.push({ meter, place: asks.length })
        asks.push({ ...question(meter, 0), minute: minute + 1, want: 2 * meter.recent })
      }
      meter.recent = 0
    }
    if (asks.length > 0) {
      const answer = await link.ask(async () => await takeRates(pool, asks))
      if (answer === null) {
        // debts are kept, gifts are not: the store may have them already
        for (const ask of asks) if (ask.give < 0) giveLater(ask)
      } else {
        clock.correct(answer.now)
        for (const [index, { remaining }] of answer.answers.entries()) {
          const meter = meters.get(asks[index]!.subject)
          if (meter !== undefined && meter.minute === asks[index]!.minute) meter.remaining = remaining
        }
        for (const { meter, place } of ahead) if (meter.minute === minute) meter.next = answer.answers[place]!.given
      }
    }
    await processes.refresh()
    if (minute > forgottenAt && !link.isCut()) {
      forgottenAt = minute
      await link.ask(async () => { await forgetRates(pool, minute - 2) })
    }
  }

  function giveLater ({ subject, minute, give }: RateAsk): void {
    const meter = meters.get(subject)
    if (meter !== undefined && meter.minute === minute) meter.left += give
  }
}
