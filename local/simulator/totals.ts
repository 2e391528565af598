import type { CallEnd, LoggedUsage } from './log.ts'
import type { Usage } from './tokens.ts'

interface ModelStats {
  readonly calls: number
  readonly delivered: number
  /** Of the delivered calls. */
  readonly usage: LoggedUsage
}

export interface CallStats {
  readonly calls: number
  readonly running: number
  readonly in_flight_max: number
  readonly by_status: Readonly<Record<string, number>>
  readonly by_outcome: Readonly<Record<string, number>>
  readonly by_model: Readonly<Record<string, ModelStats>>
  readonly usage: { readonly delivered: LoggedUsage, readonly undelivered: LoggedUsage }
  readonly repeated: { readonly calls: number, readonly delivered: number }
  readonly kept: number
  readonly dropped: number
}

interface Totals {
  start: (inFlight: number) => void
  finish: (end: CallEnd, model: string | null) => void
  read: () => Omit<CallStats, 'repeated' | 'kept' | 'dropped'>
}

type Sum = { -readonly [name in keyof LoggedUsage]: number }

const mostModels = 1000

/** Sums that stay right when entries are dropped. */
export function createTotals (): Totals {
  let calls = 0
  let finished = 0
  let inFlightMax = 0
  const statuses = new Map<string, number>()
  const outcomes = new Map<string, number>()
  const perModel = new Map<string, { calls: number, delivered: number, usage: Sum }>()
  const deliveredUsage = emptySum()
  const undeliveredUsage = emptySum()

  function modelTotals (model: string): { calls: number, delivered: number, usage: Sum } {
    const name = perModel.has(model) || perModel.size < mostModels ? model : '(other)'
    let known = perModel.get(name)
    if (known === undefined) {
      known = { calls: 0, delivered: 0, usage: emptySum() }
      perModel.set(name, known)
    }
    return known
  }

  return {
    start (inFlight) {
      calls++
      if (inFlight > inFlightMax) inFlightMax = inFlight
    },
    finish (end, model) {
      finished++
      increment(statuses, end.status === 0 ? 'none' : String(end.status))
      increment(outcomes, end.outcome)
      if (end.usage !== null) add(end.delivered ? deliveredUsage : undeliveredUsage, end.usage)
      if (model === null) return
      const ofModel = modelTotals(model)
      ofModel.calls++
      if (!end.delivered) return
      ofModel.delivered++
      if (end.usage !== null) add(ofModel.usage, end.usage)
    },
    read: () => ({
      calls,
      running: calls - finished,
      in_flight_max: inFlightMax,
      by_status: Object.fromEntries(statuses),
      by_outcome: Object.fromEntries(outcomes),
      by_model: Object.fromEntries([...perModel].map(([model, of]) => [model, { ...of, usage: { ...of.usage } }])),
      usage: { delivered: { ...deliveredUsage }, undelivered: { ...undeliveredUsage } }
    })
  }
}

function emptySum (): Sum {
  return { prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0, reasoning_tokens: 0 }
}

function add (sum: Sum, usage: Usage): void {
  sum.prompt_tokens += usage.promptTokens
  sum.completion_tokens += usage.completionTokens
  sum.cached_tokens += usage.cachedTokens
  sum.reasoning_tokens += usage.reasoningTokens
}

function increment (counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
