import { isFaultKind, makeFault, needsStream } from './faults.ts'
import type { MarkedFault } from './faults.ts'
import { longestLatency } from './latency.ts'

/** Refuse the prompt, or cut the answer off. */
export type Safety = 'prompt' | 'answer'

export interface Markers {
  readonly faults: readonly MarkedFault[]
  /** ms in place of the drawn latency. */
  readonly delay: number | null
  /** Calls of tools that the answer should make. */
  readonly toolCalls: number
  readonly safety: Safety | null
}

const noMarkers: Markers = { faults: [], delay: null, toolCalls: 0, safety: null }

const opening = '[[sim:'
const longestMarker = 200
const mostMarkers = 20
const mostToolCalls = 20

/** Reads the markers out of a request body. Throws an Error that names a marker that is wrong: a typo must not pass as "no fault". */
export function readMarkers (body: Buffer, streaming: boolean): Markers {
  let at = body.indexOf(opening)
  if (at === -1) return noMarkers
  const faults: MarkedFault[] = []
  let delay: number | null = null
  let toolCalls = 0
  let safety: Safety | null = null
  for (let count = 0; at !== -1; count++) {
    if (count === mostMarkers) throw new Error(`At most ${mostMarkers} markers in a request.`)
    const text = body.toString('latin1', at + opening.length, at + longestMarker)
    const end = text.indexOf(']]')
    if (end === -1) throw new Error(`A marker is not closed: ${opening}${text.slice(0, 20)}…`)
    const marker = text.slice(0, end)
    const named = /^delay=(\d+)$/.exec(marker)
    const calls = /^(?:tool|tools=(\d{1,3}))$/.exec(marker)
    if (named !== null) delay = readDelay(Number(named[1]))
    else if (calls !== null) toolCalls = readToolCalls(Number(calls[1] ?? 1))
    else if (marker === 'safety') safety = 'prompt'
    else if (marker === 'safety-answer') safety = 'answer'
    else faults.push(readFault(marker, streaming))
    at = body.indexOf(opening, at + opening.length)
  }
  return { faults, delay, toolCalls, safety }
}

function readDelay (ms: number): number {
  if (ms > longestLatency) throw new Error(`A delay is at most ${longestLatency} ms.`)
  return ms
}

function readToolCalls (count: number): number {
  if (count < 1 || count > mostToolCalls) throw new Error(`From 1 to ${mostToolCalls} calls of tools.`)
  return count
}

function readFault (marker: string, streaming: boolean): MarkedFault {
  const [kind, ...words] = marker.trim().split(/\s+/)
  if (!isFaultKind(kind)) throw new Error(`Unknown marker: ${marker}`)
  if (needsStream(kind) && !streaming) throw new Error(`The marker ${kind} needs "stream": true.`)
  const parameters: Record<string, number> = {}
  for (const word of words) {
    const match = /^([a-z-]+)=(\d+(?:\.\d+)?)$/.exec(word)
    if (match === null) throw new Error(`Unknown parameter in marker: ${marker}`)
    parameters[match[1]!] = Number(match[2])
  }
  const { times, ...others } = parameters
  if (times !== undefined && !Number.isInteger(times)) throw new Error(`times must be a whole number: ${marker}`)
  return { ...makeFault(kind, others), times: times ?? null }
}
