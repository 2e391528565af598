import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { CallLog } from './log.ts'
import { hashAuthorization } from './authorization.ts'
import type { State } from './state.ts'
import type { Usage } from './tokens.ts'

/** One HTTP call from its request line to the last byte; the fields that change are what the log will say of it. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly path: string
  /** The log it belongs to: a reset starts another one. */
  readonly log: CallLog
  readonly sequence: number
  readonly requestId: string
  /** performance.now() at the start. */
  readonly started: number
  status: number
  outcome: string
  usage: Usage | null
  /** The answer being sent is a right one. */
  valid: boolean
  closedByUs: boolean
  /** What it waits for; cleared when the connection goes. */
  timer: NodeJS.Timeout | undefined
  /** x-ratelimit-* headers. */
  limitHeaders: readonly string[]
  /** Logs the end; only the first time counts. */
  end: () => void
}

/** Logs the start of a call and sees to it that its end is logged, however it ends. */
export function openCall (state: State, request: IncomingMessage, response: ServerResponse, path: string): Call {
  const started = performance.now()
  state.inFlight++
  const header = request.headers['x-client-request-id']
  const sequence = state.log.start({
    started: started - state.started,
    method: request.method!,
    path,
    clientRequestId: typeof header === 'string' ? header : null,
    authorization: hashAuthorization(credentialOf(request.headers)),
    inFlight: state.inFlight
  })
  let ended = false
  const call: Call = {
    request,
    response,
    path,
    log: state.log,
    sequence,
    requestId: state.requestIdPrefix + sequence,
    started,
    status: 0,
    outcome: 'answered',
    usage: null,
    valid: false,
    closedByUs: false,
    timer: undefined,
    limitHeaders: [],
    end: () => {
      if (ended) return
      ended = true
      endCall(state, call)
    }
  }
  // Emitted both when the answer is written out and when the connection is lost before.
  response.on('close', call.end)
  return call
}

function endCall (state: State, call: Call): void {
  clearTimeout(call.timer)
  state.inFlight--
  const finished = call.response.writableFinished
  const aborted = !finished && !call.closedByUs
  call.log.finish(call.sequence, {
    finished: performance.now() - state.started,
    status: call.status,
    outcome: aborted && call.outcome === 'answered' ? 'aborted' : call.outcome,
    delivered: finished && call.valid,
    aborted,
    usage: call.usage
  })
  if (state.appendToFile === null) return
  const entry = call.log.read(call.sequence)
  if (entry !== null) state.appendToFile(JSON.stringify(entry) + '\n')
}

/** Where the dialects carry a key. */
function credentialOf (headers: IncomingHttpHeaders): string | undefined {
  const key = headers.authorization ?? headers['x-api-key'] ?? headers['x-goog-api-key']
  return Array.isArray(key) ? key[0] : key
}

/** Runs `then` after so many ms, unless the client goes away before; at once for 0. */
export function after (call: Call, ms: number, then: () => void): void {
  if (ms <= 0) then()
  else call.timer = setTimeout(then, ms)
}
