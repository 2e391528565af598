import type { Product } from '../../support/product.ts'
import { callsByLine, findRepeats, longestGap, type Repeat, type RowCall } from './calls.ts'
import type { Evidence } from './evidence.ts'

export interface Kill {
  /** On the clock of the call log, ms. */
  readonly at: number
  /** On the wall clock, which Postgres on this machine shares, ms since 1970. */
  readonly time: number
  /** Resolves when another process is ready, with the ms since the kill: what this machine needs to start one. */
  readonly replaced: Promise<number>
}

/** ms in which the provider may still read what a dead worker had sent. */
const LATE = 500

/** Signals a process of the stack by pid and notes when. */
export function kill ({ stack, clock }: Product, name: string, signal: NodeJS.Signals = 'SIGKILL', downtime = 0): Kill {
  const replaced = stack.kill(name, signal, downtime)
  const at = clock()
  return { at, time: Date.now(), replaced: replaced.then(() => clock() - at) }
}

export interface KillReport {
  /** Rows whose call was under way. */
  readonly inFlight: number
  /** Rows that had an answer which was not saved. */
  readonly unsaved: number
  /** Rows called again because of this kill. */
  readonly calledTwice: number
  /** Longest time without a new call until the next kill, ms. */
  readonly gap: number
}

/**
 * What each kill of a worker cost. Every row that was called twice must be one that was in flight or unsaved at one of
 * the kills; `unexplained` are the lines that were not.
 */
export function reportKills (evidence: Evidence, kills: readonly Kill[]): { reports: KillReport[], unexplained: number[] } {
  const lines = callsByLine(evidence.calls)
  const repeats = findRepeats(lines)
  const lastStart = Math.max(...evidence.calls.map(call => call.started_ms))
  const explained = new Set<number>()
  // the first kill between the two calls of a row is what made the second one necessary
  const cause = ({ before, call }: Repeat): Kill | undefined => kills.find(kill => wasMadeBefore(before, kill) && !wasMadeBefore(call, kill))
  const reports = kills.map((kill, index) => {
    const until = kills[index + 1]?.at ?? Infinity
    const inFlight = new Set<number>()
    const unsaved = new Set<number>()
    for (const [line, calls] of lines) {
      const last = calls.findLast(call => wasMadeBefore(call, kill))
      // a statement that was under way at the kill counts as saved: Postgres finishes it
      if (last === undefined || (evidence.savedAt.get(line) ?? Infinity) <= kill.time) continue
      if (last.finished_ms === null || last.finished_ms > kill.at) inFlight.add(line)
      else if (last.delivered) unsaved.add(line)
    }
    const twice = repeats.filter(repeat => cause(repeat) === kill)
    for (const { call } of twice) if (inFlight.has(call.line) || unsaved.has(call.line)) explained.add(call.line)
    return {
      inFlight: inFlight.size,
      unsaved: unsaved.size,
      calledTwice: new Set(twice.map(({ call }) => call.line)).size,
      gap: Math.round(longestGap(evidence.calls, kill.at, Math.min(until, lastStart)))
    }
  })
  return { reports, unexplained: [...new Set(repeats.map(({ call }) => call.line))].filter(line => !explained.has(line)) }
}

function wasMadeBefore (call: RowCall, kill: Kill): boolean {
  return call.started_ms <= kill.at || (call.aborted && call.started_ms <= kill.at + LATE)
}

/** The bound on a delay after the death of a process: `most` ms, or on a machine so busy that it needs longer to start one, that and 2 s. */
export function atMost (most: number, started: number): number {
  return Math.max(most, started + 2_000)
}
