import type { LoggedCall } from '../../../local/simulator/log.ts'

/** A call of the simulator's log, with the row it was made for. */
export interface RowCall extends LoggedCall {
  readonly line: number
  readonly attempt: number
}

/** A call that no classified retry explains: `before` is the call of the same row that came before it. */
export interface Repeat { readonly before: RowCall, readonly call: RowCall }

/** The calls of one batch by line, oldest first. The client request id is `<batch>:<line>:<attempt>`. */
export function callsByLine (calls: readonly LoggedCall[]): Map<number, RowCall[]> {
  const lines = new Map<number, RowCall[]>()
  for (const call of calls) {
    const [, line, attempt] = (call.client_request_id ?? '').split(':').map(Number)
    if (line === undefined || attempt === undefined) throw new Error(`no row in client request id ${call.client_request_id}`)
    const known = lines.get(line)
    const entry = { ...call, line, attempt }
    if (known === undefined) lines.set(line, [entry])
    else known.push(entry)
  }
  return lines
}

/**
 * Calls that were made twice. A retry has the next attempt number and follows a call that got no right answer; a row that
 * is worked again after a crash starts at attempt 1.
 */
export function findRepeats (lines: ReadonlyMap<number, readonly RowCall[]>): Repeat[] {
  const repeats: Repeat[] = []
  for (const calls of lines.values()) {
    calls.forEach((call, index) => {
      const before = calls[index - 1]
      if (before !== undefined && (call.attempt !== before.attempt + 1 || before.delivered)) repeats.push({ before, call })
    })
  }
  return repeats
}

/** The longest time (ms) between `from` and `to` in which no call started. */
export function longestGap (calls: readonly LoggedCall[], from: number, to: number): number {
  const starts = [from, ...calls.map(call => call.started_ms).filter(started => started > from && started < to), to]
  return Math.max(...starts.slice(1).map((start, index) => start - starts[index]!))
}
