import type { Answer } from './answers/answer.ts'
import { dataFrame } from './answers/answer.ts'
import { overloadedFrame } from './anthropic/error.ts'
import type { Call } from './call.ts'
import type { Fault } from './faults.ts'
import { bareErrorFrame } from './gemini/error.ts'
import { sendHead, sendJson, sendPieces, sendStreamHead } from './send.ts'

const dripPieces = 20
const padding = 'x'.repeat(64 * 1024)

/** Sends the right answer; `interval` in ms between the pieces of a stream. */
export function sendAnswer (call: Call, answer: Answer, interval: number): void {
  call.valid = true
  if (answer.kind === 'whole') return sendJson(call, answer.json)
  sendStreamHead(call)
  sendPieces(call, answer.events, interval, 'end')
}

/** Sends an answer spoilt by a fault that begins with a 200. */
export function sendSpoiltAnswer (call: Call, answer: Answer, fault: Fault, interval: number): void {
  if (fault.kind === 'drip') return sendDrip(call, answer, fault.ms)
  if (answer.kind === 'whole') {
    if (fault.kind === 'oversize') return sendOversize(call, answer.json, fault.bytes)
    const half = answer.json.slice(0, answer.json.length / 2)
    if (fault.kind === 'malformed') return sendJson(call, half)
    sendHead(call, 200, 'application/json', answer.json.length)
    return sendPieces(call, [half], 0, 'close')
  }
  if (fault.kind === 'flood') return sendFlood(call, answer.events, fault.bytes)
  const middle = Math.floor(answer.events.length / 2)
  const before = answer.events.slice(0, middle)
  sendStreamHead(call)
  switch (fault.kind) {
    case 'malformed':
      return sendPieces(call, [...before, brokenFrame(answer.events[middle]!), ...answer.events.slice(middle + 1)], interval, 'end')
    case 'stream-error':
      return sendPieces(call, [...before, errorFrame(call, middle)], interval, 'end')
    case 'unfinished':
      return sendPieces(call, before, interval, 'end')
    default:
      return sendPieces(call, before, interval, 'close')
  }
}

function sendDrip (call: Call, answer: Answer, ms: number): void {
  call.valid = true
  const text = answer.kind === 'whole' ? answer.json : answer.events.join('')
  const size = Math.ceil(text.length / dripPieces)
  const pieces: string[] = []
  for (let start = 0; start < text.length; start += size) pieces.push(text.slice(start, start + size))
  if (answer.kind === 'whole') sendHead(call, 200, 'application/json', text.length)
  else sendStreamHead(call)
  sendPieces(call, pieces, ms / dripPieces, 'end')
}

/** The right JSON with a padding field that brings it to `bytes`, written no faster than it is read. */
function sendOversize (call: Call, json: string, bytes: number): void {
  const opening = `${json.slice(0, -1)},"padding":"`
  const closing = '"}'
  let left = Math.max(0, bytes - opening.length - closing.length)
  call.valid = true
  sendHead(call, 200, 'application/json', opening.length + left + closing.length)
  const { response } = call
  response.write(opening, 'latin1')
  const more = (): void => {
    while (left > 0) {
      const piece = left >= padding.length ? padding : padding.slice(0, left)
      left -= piece.length
      if (!response.write(piece, 'latin1')) {
        response.once('drain', more)
        return
      }
    }
    response.end(closing)
  }
  more()
}

/** The right stream with its middle frame repeated until that has `bytes`, written no faster than it is read. */
function sendFlood (call: Call, events: readonly string[], bytes: number): void {
  const middle = Math.floor(events.length / 2)
  const frame = events[middle]!
  const together = Math.max(1, Math.floor(padding.length / frame.length))
  let left = Math.ceil(bytes / frame.length)
  call.valid = true
  sendStreamHead(call)
  const { response } = call
  response.write(events.slice(0, middle).join(''), 'latin1')
  const more = (): void => {
    while (left > 0) {
      const count = Math.min(left, together)
      left -= count
      if (!response.write(frame.repeat(count), 'latin1')) {
        response.once('drain', more)
        return
      }
    }
    response.end(events.slice(middle).join(''), 'latin1')
  }
  more()
}

function brokenFrame (frame: string): string {
  return frame.slice(0, frame.length / 2) + '\n\n'
}

function errorFrame ({ path, requestId }: Call, sequence: number): string {
  if (path.startsWith('/anthropic/')) return overloadedFrame(requestId)
  if (path.startsWith('/gemini/')) return bareErrorFrame
  const error = { message: 'The server had an error while processing your request. (simulated)', code: 'server_error', param: null }
  return path === '/v1/responses'
    ? `event: error\ndata: ${JSON.stringify({ type: 'error', ...error, sequence_number: sequence })}\n\n`
    : dataFrame(JSON.stringify({ error: { ...error, type: 'server_error' } }))
}
