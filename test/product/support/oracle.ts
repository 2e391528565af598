import { callsByLine } from './calls.ts'
import type { Evidence, ResultLine } from './evidence.ts'
import { costOfUsage, type ChatUsage } from './prices.ts'
import type { InputRow } from './rows.ts'

/**
 * What must be true of every batch that has ended, whatever happened while it ran. Returns what is not, in words; an empty
 * list is a pass. Knows the product by its public shapes and its tables only, and works out all sums by itself.
 */
export function judge (evidence: Evidence, rows: readonly InputRow[], expected: 'completed' | 'cancelled' | 'expired'): string[] {
  return [
    ...judgeState(evidence, expected),
    ...judgeFiles(evidence, rows),
    ...judgeMoney(evidence, rows),
    ...judgeAnswers(evidence, rows),
    ...judgeProgress(evidence),
    ...(evidence.leftovers === 0 ? [] : [`${evidence.leftovers} chunk leases or outbox messages are left behind`])
  ]
}

const states = { completed: 'succeeded', cancelled: 'cancelled', expired: 'expired' } as const
const terminalEvents = ['batch.completed', 'batch.failed', 'batch.cancelled', 'batch.expired']

function judgeState ({ batch, job, events }: Evidence, expected: keyof typeof states): string[] {
  const ends = events.filter(event => terminalEvents.includes(event.type)).map(event => event.type)
  return [
    ...differs('status', batch.status, expected),
    ...differs('state', job.state, states[expected]),
    ...differs('terminal events', ends.join(), `batch.${expected}`),
    ...differs('last event', events.at(-1)?.type, `batch.${expected}`)
  ]
}

/** Every custom_id exactly once in output ∪ error files; the counts are those of the files. */
function judgeFiles ({ batch, output, errors }: Evidence, rows: readonly InputRow[]): string[] {
  const found = new Map<string, number>()
  for (const line of [...output, ...errors]) found.set(line.custom_id, (found.get(line.custom_id) ?? 0) + 1)
  const missing = rows.filter(row => !found.has(row.customId)).map(row => row.customId)
  const twice = [...found].filter(([, count]) => count > 1).map(([id]) => id)
  const wanted = new Set(rows.map(row => row.customId))
  const foreign = [...found.keys()].filter(id => !wanted.has(id))
  return [
    ...none('rows missing from the files', missing),
    ...none('rows twice in the files', twice),
    ...none('rows in the files that were not in the input', foreign),
    ...none('output lines without a good answer', output.filter(line => line.response?.status_code !== 200 || line.error !== null).map(line => line.custom_id)),
    ...none('error lines that say no error', errors.filter(line => line.error === null && (line.response?.status_code ?? 200) < 400).map(line => line.custom_id)),
    ...differs('request_counts', JSON.stringify(batch.request_counts), JSON.stringify({ total: rows.length, completed: output.length, failed: errors.length }))
  ]
}

/** usage = Σ output bodies; cost = Σ ledger = Σ usage × price, one ledger row per row that succeeded. */
function judgeMoney ({ batch, output, job, ledger }: Evidence, rows: readonly InputRow[]): string[] {
  const byId = new Map(rows.map(row => [row.customId, row]))
  const byLine = new Map(ledger.map(entry => [entry.line, entry]))
  const usage = { input: 0, cached: 0, output: 0, reasoning: 0 }
  let cost = 0n
  const wrong: string[] = []
  for (const line of output) {
    const row = byId.get(line.custom_id)
    if (row === undefined) continue // said by judgeFiles
    const used = tokensOf(line.response!.body.usage!)
    const price = costOfUsage(row.model, line.response!.body.usage!)
    cost += price
    for (const kind of ['input', 'cached', 'output', 'reasoning'] as const) usage[kind] += used[kind]
    const entry = byLine.get(row.line)
    const agrees = entry !== undefined && entry.provider === 'simulator' && entry.model === row.model && entry.cost === price.toString() &&
      entry.input_tokens === used.input && entry.cached_input_tokens === used.cached && entry.output_tokens === used.output && entry.reasoning_tokens === used.reasoning
    if (!agrees) wrong.push(line.custom_id)
  }
  const total = ledger.reduce((sum, entry) => sum + BigInt(entry.cost ?? 0), 0n)
  const wanted = {
    input_tokens: usage.input,
    input_tokens_details: { cached_tokens: usage.cached },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning },
    total_tokens: usage.input + usage.output
  }
  return [
    ...none('rows whose settlement is missing or differs from their answer', wrong),
    ...differs('ledger rows', ledger.length, output.length),
    ...differs('usage', JSON.stringify(batch.usage), JSON.stringify(wanted)),
    ...differs('Σ ledger', total, cost),
    ...differs('cost of the batch', job.cost, cost.toString()),
    ...differs('unpriced rows', job.unpriced, 0)
  ]
}

/** Every answer in the files was given by the provider, to a call made for that very row. */
function judgeAnswers ({ output, errors, calls }: Evidence, rows: readonly InputRow[]): string[] {
  const byId = new Map(rows.map(row => [row.customId, row]))
  const byRequest = new Map([...callsByLine(calls).values()].flat().map(call => [call.request_id, call]))
  const invented = (line: ResultLine, good: boolean): boolean => {
    if (line.response === null) return false
    const call = byRequest.get(line.response.request_id ?? '')
    if (call === undefined || call.line !== byId.get(line.custom_id)?.line || call.status !== line.response.status_code) return true
    return good && !(call.delivered && sameUsage(line.response.body.usage!, call.usage))
  }
  const lines = new Set(rows.map(row => row.line))
  return [
    ...none('good answers that the provider did not give', output.filter(line => invented(line, true)).map(line => line.custom_id)),
    ...none('bad answers that the provider did not give', errors.filter(line => invented(line, false)).map(line => line.custom_id)),
    ...none('calls for rows that were not to be called', [...callsByLine(calls).keys()].filter(line => !lines.has(line)))
  ]
}

const ranks = { validating: 0, in_progress: 1, finalizing: 2, cancelling: 2, completed: 3, cancelled: 3, expired: 3, failed: 3 } as const

/** What the owner saw never went backwards. */
function judgeProgress ({ sightings }: Evidence): string[] {
  const backwards = sightings.slice(1).flatMap((sighting, index) => {
    const before = sightings[index]!
    const wentBack = ranks[sighting.status] < ranks[before.status] ||
      (ranks[before.status] === 3 && sighting.status !== before.status) ||
      sighting.request_counts!.completed < before.request_counts!.completed ||
      sighting.request_counts!.failed < before.request_counts!.failed ||
      sighting.request_counts!.total < before.request_counts!.total ||
      sighting.usage!.total_tokens < before.usage!.total_tokens
    return wentBack ? [`${JSON.stringify(before)} → ${JSON.stringify(sighting)}`] : []
  })
  return none('steps backwards', backwards)
}

interface Tokens { readonly input: number, readonly cached: number, readonly output: number, readonly reasoning: number }

function tokensOf (usage: ChatUsage): Tokens {
  return {
    input: usage.prompt_tokens,
    cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
    output: usage.completion_tokens,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0
  }
}

function sameUsage (usage: ChatUsage, logged: Evidence['calls'][number]['usage']): boolean {
  const tokens = tokensOf(usage)
  return logged !== null && tokens.input === logged.prompt_tokens && tokens.output === logged.completion_tokens &&
    tokens.cached === logged.cached_tokens && tokens.reasoning === logged.reasoning_tokens
}

function differs (what: string, found: unknown, wanted: unknown): string[] {
  return found === wanted ? [] : [`${what}: ${String(found)} instead of ${String(wanted)}`]
}

function none (what: string, found: ReadonlyArray<string | number>): string[] {
  return found.length === 0 ? [] : [`${found.length} ${what}: ${found.slice(0, 5).join(', ')}`]
}
