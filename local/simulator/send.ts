import { performance } from 'node:perf_hooks'
import { after } from './call.ts'
import type { Call } from './call.ts'
import { inDialect } from './dialect.ts'
import type { ErrorAnswer } from './error-answer.ts'

/** Writes the status line and the headers that every answer has. `length` in bytes; null = chunked. */
export function sendHead (call: Call, status: number, contentType: string, length: number | null, further: readonly string[] = []): void {
  call.status = status
  const headers = [
    'content-type', contentType,
    'x-request-id', call.requestId,
    // Anthropic's name for it
    'request-id', call.requestId,
    'x-simulated', 'true',
    ...(call.path.startsWith('/gemini/') ? [] : ['openai-version', '2020-10-01', 'openai-processing-ms', String(Math.round(performance.now() - call.started))]),
    ...call.limitHeaders,
    ...further
  ]
  if (length !== null) headers.push('content-length', String(length))
  call.response.writeHead(status, headers)
}

/** A JSON answer. Answers are ASCII, so their length is their size. */
export function sendJson (call: Call, json: string): void {
  sendHead(call, 200, 'application/json', json.length)
  call.response.end(json, 'latin1')
}

/** Refusals and faults with a status. */
export function sendError (call: Call, plain: ErrorAnswer): void {
  const error = inDialect(call.path, plain, call.requestId)
  sendHead(call, error.status, error.contentType, Buffer.byteLength(error.body), error.headers)
  call.response.end(error.body)
}

export function sendStreamHead (call: Call): void {
  sendHead(call, 200, 'text/event-stream; charset=utf-8', null, ['cache-control', 'no-cache'])
}

/** Sends what follows the head in pieces, so many ms apart, and ends the answer or breaks the connection off. */
export function sendPieces (call: Call, pieces: readonly string[], interval: number, ending: 'end' | 'close'): void {
  const finish = (last: string): void => {
    if (ending === 'end') call.response.end(last, 'latin1')
    else call.response.write(last, 'latin1', () => closeConnection(call))
  }
  if (interval <= 0) return finish(pieces.join(''))
  const sendFrom = (index: number): void => {
    const piece = pieces[index] ?? ''
    if (index >= pieces.length - 1) return finish(piece)
    call.response.write(piece, 'latin1')
    after(call, interval, () => sendFrom(index + 1))
  }
  sendFrom(0)
}

/** Ends the connection in the middle of an answer; what was written before still arrives. */
function closeConnection (call: Call): void {
  endByUs(call)
  call.response.destroy()
}

/** Resets the connection (RST); nothing written before is sure to arrive. */
export function resetConnection (call: Call): void {
  endByUs(call)
  call.request.socket.resetAndDestroy()
}

// Logged before the connection goes, so that a client which saw it go finds it in the log.
function endByUs (call: Call): void {
  call.closedByUs = true
  call.end()
}
