import type { Pool } from 'pg'
import type { Admission, LimitHeaders, Limiting, LimitRule } from '../contracts/allowance.ts'
import { headerObject } from '../domain/header-list.ts'
import { limitHeaders, type LimitStanding } from '../domain/limit-headers.ts'
import { SiraError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { createMinuteClock, MINUTE, type MinuteClock } from './minute-clock.ts'
import { createProcessCount } from './process-count.ts'
import { createRateMeters, type RateMeter, type Verdict } from './rate-meters.ts'
import { createSlotMeters, type SlotMeter } from './slot-meters.ts'
import { createStoreLink } from './store-link.ts'

const unlimited: Admission = { headers: [], settle () {} }

/** One limit of one rule, as it is kept here. */
interface Part {
  readonly rule: LimitRule
  readonly unit: 'requests' | 'tokens' | 'slots'
  readonly subject: string
  readonly limit: number
}

/** What a request has taken so far. */
interface Taken {
  readonly rates: Array<{ readonly meter: RateMeter, readonly minute: number, readonly unit: 'requests' | 'tokens', readonly amount: number }>
  readonly slots: SlotMeter[]
}

/**
 * Rates are counted in fixed minutes of the database's clock, tokens by their estimate until they are settled; requests in
 * flight by slots. A request whose tokens are more than the whole limit can never pass: it is refused with
 * `x-should-retry: false` and without Retry-After. While Postgres is away each process goes on with its part of a limit.
 */
export function createLimiting ({ pool, processId, log, clock = createMinuteClock() }: { pool: Pool, processId: string, log: Logger, clock?: MinuteClock }): Limiting {
  const link = createStoreLink(log)
  const processes = createProcessCount({ pool, clock, link })
  const rates = createRateMeters({ pool, clock, link, processes })
  const slots = createSlotMeters({ pool, processId, link, processes })
  const partsOfRules = new WeakMap<readonly LimitRule[], readonly Part[]>()

  return {
    admit (rules, tokens) {
      if (rules.length === 0) return unlimited
      let parts = partsOfRules.get(rules)
      if (parts === undefined) {
        parts = rules.flatMap(partsOf)
        partsOfRules.set(rules, parts)
      }
      return admitParts(parts, 0, { rates: [], slots: [] }, tokens)
    },
    async close () { await Promise.all([rates.close(), slots.close()]) }
  }

  /** From part `index` on; goes on later when a part has to wait. */
  function admitParts (parts: readonly Part[], index: number, taken: Taken, tokens: number): Admission | Promise<Admission> {
    for (; index < parts.length; index++) {
      const verdict = take(parts[index]!, taken, tokens)
      if (verdict instanceof Promise) {
        const after = index + 1
        return verdict.then(found => {
          if (found !== 'taken') throw refuse(parts, after - 1, taken, tokens, found)
          return admitParts(parts, after, taken, tokens)
        })
      }
      if (verdict !== 'taken') throw refuse(parts, index, taken, tokens, verdict)
    }
    return admission(parts, taken)
  }

  function take (part: Part, taken: Taken, tokens: number): Verdict | Promise<Verdict> {
    if (part.unit === 'slots') {
      const meter = slots.meter(part.subject, part.limit)
      const verdict = slots.take(meter)
      return verdict instanceof Promise ? verdict.then(found => keepSlot(taken, meter, found)) : keepSlot(taken, meter, verdict)
    }
    const amount = part.unit === 'requests' ? 1 : tokens
    if (amount > part.limit) return 'exhausted'
    const meter = rates.meter(part.subject, part.limit)
    const unit = part.unit
    const verdict = rates.take(meter, amount)
    return verdict instanceof Promise ? verdict.then(found => keepRate(taken, meter, unit, amount, found)) : keepRate(taken, meter, unit, amount, verdict)
  }

  function admission (parts: readonly Part[], taken: Taken): Admission {
    let settled = false
    return {
      headers: headersOf(parts),
      settle (used) {
        if (settled) return
        settled = true
        for (const { meter, minute, unit, amount } of taken.rates) if (unit === 'tokens') rates.giveBack(meter, minute, amount - used)
        for (const meter of taken.slots) slots.release(meter)
      }
    }
  }

  function refuse (parts: readonly Part[], index: number, taken: Taken, tokens: number, verdict: Verdict): SiraError {
    for (const { meter, minute, amount } of taken.rates) rates.giveBack(meter, minute, amount)
    for (const meter of taken.slots) slots.release(meter)
    const { rule: { kind }, unit, limit } = parts[index]!
    if (verdict === 'cut') return new SiraError('unavailable', { dependency: 'Postgres' }, { retryAfter: 1 })
    const headers = headerObject(headersOf(parts))
    if (unit === 'slots') return new SiraError('concurrency_limit_exceeded', { kind, limit }, { retryAfter: 1, headers })
    if (unit === 'tokens' && tokens > limit) return new SiraError('rate_limit_exceeded', { kind, limit, unit }, { headers: { ...headers, 'x-should-retry': 'false' } })
    return new SiraError('rate_limit_exceeded', { kind, limit, unit }, { retryAfter: secondsLeft(), headers })
  }

  function headersOf (parts: readonly Part[]): LimitHeaders {
    let requests: LimitStanding | null = null
    let tokens: LimitStanding | null = null
    for (const { unit, subject, limit } of parts) {
      if (unit === 'slots') continue
      const { left, remaining } = rates.meter(subject, limit)
      // what other processes hold unused is not known here, and little
      const standing = { limit, remaining: Math.min(limit, Math.max(0, left + Math.max(0, remaining))) }
      if (unit === 'requests' && (requests === null || standing.remaining < requests.remaining)) requests = standing
      if (unit === 'tokens' && (tokens === null || standing.remaining < tokens.remaining)) tokens = standing
    }
    return limitHeaders(requests, tokens, secondsLeft())
  }

  function secondsLeft (): number {
    return Math.max(1, Math.ceil((MINUTE - clock.now() % MINUTE) / 1_000))
  }
}

function keepSlot (taken: Taken, meter: SlotMeter, verdict: Verdict): Verdict {
  if (verdict === 'taken') taken.slots.push(meter)
  return verdict
}

function keepRate (taken: Taken, meter: RateMeter, unit: 'requests' | 'tokens', amount: number, verdict: Verdict): Verdict {
  if (verdict === 'taken') taken.rates.push({ meter, minute: meter.minute, unit, amount })
  return verdict
}

function partsOf (rule: LimitRule): Part[] {
  const { subject, requestsPerMinute, tokensPerMinute, concurrency } = rule
  const parts: Part[] = []
  if (requestsPerMinute !== null) parts.push({ rule, unit: 'requests', subject: `${subject}#requests`, limit: requestsPerMinute })
  if (tokensPerMinute !== null) parts.push({ rule, unit: 'tokens', subject: `${subject}#tokens`, limit: tokensPerMinute })
  // among the names of providers, which have no '#'
  if (concurrency !== null) parts.push({ rule, unit: 'slots', subject: `${subject}#slots`, limit: concurrency })
  return parts
}
