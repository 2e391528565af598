import { createInterner } from './intern.ts'
import { digestText } from './random.ts'
import { createSegment, segmentSize } from './log-segment.ts'
import type { Segment } from './log-segment.ts'
import { createTotals } from './totals.ts'
import type { CallStats } from './totals.ts'
import type { Usage } from './tokens.ts'

/** A call as `/_sim/calls` shows it; the fields are explained in README.md. */
export interface LoggedCall {
  readonly sequence: number
  readonly time: string
  readonly method: string
  readonly path: string
  readonly model: string | null
  readonly stream: boolean
  readonly client_request_id: string | null
  readonly request_id: string
  readonly authorization: string | null
  readonly body_digest: string | null
  readonly status: number | null
  readonly outcome: string
  readonly delivered: boolean
  readonly aborted: boolean
  readonly in_flight: number
  readonly started_ms: number
  readonly finished_ms: number | null
  readonly usage: LoggedUsage | null
}

export interface LoggedUsage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly cached_tokens: number
  readonly reasoning_tokens: number
}

interface CallStart {
  /** Monotonic ms since the simulator's start. */
  readonly started: number
  readonly method: string
  readonly path: string
  readonly clientRequestId: string | null
  /** Prefix of a hash, never the header itself. */
  readonly authorization: string | null
  readonly inFlight: number
}

export interface CallEnd {
  readonly finished: number
  /** 0 = no status line was sent. */
  readonly status: number
  readonly outcome: string
  readonly delivered: boolean
  readonly aborted: boolean
  readonly usage: Usage | null
}

export interface CallQuery {
  /** Only calls with a higher sequence. */
  readonly after?: number
  readonly limit?: number
  /** Of the client request id. */
  readonly prefix?: string
}

export interface CallLog {
  /** Returns the call's sequence number, from 1. */
  start: (call: CallStart) => number
  /** What is known once the body is read. */
  describe: (sequence: number, model: string | null, stream: boolean, digest: number) => void
  finish: (sequence: number, end: CallEnd) => void
  /** The entry, or null when it is dropped or not there yet. */
  read: (sequence: number) => LoggedCall | null
  find: (query: CallQuery) => { readonly calls: LoggedCall[], readonly hasMore: boolean }
  stats: () => CallStats
}

const running = 1
const delivered = 1
const aborted = 2
const streamed = 4
const billed = 8
const described = 16

/** A bounded log: whole segments of the oldest entries go when more than `capacity` calls came. `epoch` is Date.now() at monotonic 0. */
export function createCallLog (capacity: number, requestIdPrefix: string, epoch: number): CallLog {
  const segments: Segment[] = []
  const texts = createInterner(5000)
  const totals = createTotals()
  const outcomes = createInterner(100)
  outcomes.idOf('running')
  const none = texts.idOf('')
  let count = 0
  let dropped = 0

  const segmentOf = (sequence: number): Segment | undefined => segments[Math.floor((sequence - 1 - dropped) / segmentSize)]

  function read (sequence: number): LoggedCall | null {
    if (sequence <= dropped || sequence > count) return null
    const segment = segmentOf(sequence)!
    const index = (sequence - 1) % segmentSize
    const flags = segment.flags[index]!
    const textOrNull = (id: number): string | null => id === none ? null : texts.textOf(id)
    return {
      sequence,
      time: new Date(epoch + segment.started[index]!).toISOString(),
      method: texts.textOf(segment.method[index]!),
      path: texts.textOf(segment.path[index]!),
      model: textOrNull(segment.model[index]!),
      stream: (flags & streamed) !== 0,
      client_request_id: segment.clientRequestIds[index] ?? null,
      request_id: `${requestIdPrefix}${sequence}`,
      authorization: textOrNull(segment.authorization[index]!),
      body_digest: (flags & described) === 0 ? null : digestText(segment.digest[index]!),
      status: segment.status[index] === 0 ? null : segment.status[index]!,
      outcome: outcomes.textOf(segment.outcome[index]!),
      delivered: (flags & delivered) !== 0,
      aborted: (flags & aborted) !== 0,
      in_flight: segment.inFlight[index]!,
      started_ms: rounded(segment.started[index]!),
      finished_ms: segment.outcome[index] === running ? null : rounded(segment.finished[index]!),
      usage: (flags & billed) === 0
        ? null
        : {
            prompt_tokens: segment.promptTokens[index]!,
            completion_tokens: segment.completionTokens[index]!,
            cached_tokens: segment.cachedTokens[index]!,
            reasoning_tokens: segment.reasoningTokens[index]!
          }
    }
  }

  return {
    read,
    start (call) {
      const index = count % segmentSize
      if (index === 0) {
        segments.push(createSegment())
        if ((segments.length - 2) * segmentSize >= capacity) {
          segments.shift()
          dropped += segmentSize
        }
      }
      const segment = segments.at(-1)!
      segment.started[index] = call.started
      segment.method[index] = texts.idOf(call.method)
      segment.path[index] = texts.idOf(call.path)
      segment.model[index] = none
      segment.authorization[index] = call.authorization === null ? none : texts.idOf(call.authorization)
      segment.inFlight[index] = call.inFlight
      segment.outcome[index] = running
      segment.clientRequestIds.push(call.clientRequestId)
      totals.start(call.inFlight)
      return ++count
    },
    describe (sequence, model, stream, digest) {
      if (sequence <= dropped) return
      const segment = segmentOf(sequence)!
      const index = (sequence - 1) % segmentSize
      if (model !== null) segment.model[index] = texts.idOf(model)
      segment.digest[index] = digest
      segment.flags[index] = described | (stream ? streamed : 0)
    },
    finish (sequence, end) {
      const segment = sequence <= dropped ? null : segmentOf(sequence)!
      const index = (sequence - 1) % segmentSize
      totals.finish(end, segment === null || segment.model[index] === none ? null : texts.textOf(segment.model[index]!))
      if (segment === null) return
      segment.finished[index] = end.finished
      segment.status[index] = end.status
      segment.outcome[index] = outcomes.idOf(end.outcome)
      segment.flags[index] = segment.flags[index]! | (end.delivered ? delivered : 0) | (end.aborted ? aborted : 0) | (end.usage === null ? 0 : billed)
      if (end.usage === null) return
      segment.promptTokens[index] = end.usage.promptTokens
      segment.completionTokens[index] = end.usage.completionTokens
      segment.cachedTokens[index] = end.usage.cachedTokens
      segment.reasoningTokens[index] = end.usage.reasoningTokens
    },
    find ({ after = 0, limit = Infinity, prefix = '' }) {
      const calls: LoggedCall[] = []
      for (let sequence = Math.max(after, dropped) + 1; sequence <= count; sequence++) {
        if (prefix !== '' && segmentOf(sequence)!.clientRequestIds[(sequence - 1) % segmentSize]?.startsWith(prefix) !== true) continue
        if (calls.length === limit) return { calls, hasMore: true }
        calls.push(read(sequence)!)
      }
      return { calls, hasMore: false }
    },
    stats () {
      const seen = new Map<string, boolean>()
      let repeatedCalls = 0
      let repeatedDeliveries = 0
      for (const segment of segments) {
        segment.clientRequestIds.forEach((id, index) => {
          if (id === null) return
          const deliveredNow = (segment.flags[index]! & delivered) !== 0
          const deliveredBefore = seen.get(id)
          if (deliveredBefore !== undefined) repeatedCalls++
          if (deliveredBefore === true && deliveredNow) repeatedDeliveries++
          seen.set(id, deliveredBefore === true || deliveredNow)
        })
      }
      return { ...totals.read(), repeated: { calls: repeatedCalls, delivered: repeatedDeliveries }, kept: count - dropped, dropped }
    }
  }
}

/** Microseconds are as fine as the figures mean anything. */
function rounded (ms: number): number {
  return Math.round(ms * 1000) / 1000
}
