import type { Socket } from 'node:net'
import type { AnswerHeaders, StreamReply } from '../../lib/contracts/gateway.ts'
import { keepListening } from '../../lib/providers/abort-groups.ts'
import type { StreamEvent } from '../../lib/providers/types.ts'
import type { Answering, Asked } from './answer.ts'

export interface SseReply extends StreamReply {
  readonly begun: () => boolean
  /** Writes what every reader passes over. */
  comment: (text: string) => void
  /** Writes `text` after the last event and ends the answer. */
  end: (text: string) => void
}

/**
 * Writes events to the socket by hand: one write for all that came together, and word to the provider's side when the
 * client reads slower than the provider sends. Nothing is sent before `begin`, so that a refusal has a status of its own.
 */
export function createSseReply (request: Pick<Asked, 'id'>, reply: Answering): SseReply {
  const { raw } = reply
  let begun = false
  let chunked = false
  /** What came since the event loop's last turn: one read often holds several chunks of the provider, each told on its own. */
  let pending = ''
  const flush = (): void => {
    if (pending === '') return
    const text = pending
    pending = ''
    const bytes = Buffer.byteLength(text)
    // the same bytes where every character is one, and quicker
    raw.write(chunked ? frame(text, bytes) : text, bytes === text.length ? 'latin1' : 'utf8')
  }
  const send = (text: string): void => {
    if (pending === '') process.nextTick(flush)
    pending += text
  }
  return {
    begun: () => begun,
    begin (headers: AnswerHeaders) {
      begun = true
      reply.hijack()
      raw.writeHead(200, headers.concat(streamHeaders, 'x-request-id', request.id, reply.server.closingHeaders()))
      // Node would write each chunk as four pieces (length, line break, text, line break), so its framing is switched off and done
      // here, in one; a client of HTTP/1.0 gets none
      chunked = raw.chunkedEncoding
      raw.chunkedEncoding = false
    },
    write (events, resume, wire) {
      if (raw.destroyed) return true
      send(wire ?? formatEvents(events))
      // of what was written before: what is pending is one read of the provider's socket at most
      if (!raw.writableNeedDrain) return true
      raw.once('drain', resume)
      return false
    },
    comment (text) { send(`: ${text}\n\n`) },
    end (text) {
      const last = pending + text
      pending = ''
      raw.end(chunked ? frame(last, Buffer.byteLength(last)) + lastChunk : last)
    }
  }
}

const streamHeaders = [
  'content-type', 'text/event-stream; charset=utf-8', 'cache-control', 'no-cache, no-transform',
  'x-accel-buffering', 'no' // nginx would hold events back
]

/** A chunk of HTTP/1.1. Nothing for an empty text, as an empty chunk would end the answer. */
function frame (text: string, bytes: number): string {
  return text === '' ? '' : `${bytes.toString(16)}\r\n${text}\r\n`
}

const lastChunk = '0\r\n\r\n'

function formatEvents (events: readonly StreamEvent[]): string {
  let text = ''
  for (const { name, data } of events) text += name === null ? `data: ${data}\n\n` : `event: ${name}\ndata: ${data}\n\n`
  return text
}

const leaving = new WeakMap<Socket, AbortSignal>()

/**
 * Aborted when the client closes the connection. One signal for all requests of a connection: of an answer that has been sent
 * nobody listens any more, and a signal for each request would cost about 5 % of its CPU (by profile).
 */
export function abortOnLeave ({ raw: { socket } }: Pick<Asked, 'raw'>): AbortSignal {
  let signal = leaving.get(socket)
  if (signal === undefined) {
    const controller = new AbortController()
    signal = controller.signal
    keepListening(signal)
    leaving.set(socket, signal)
    if (socket.destroyed) controller.abort()
    else socket.once('close', () => { controller.abort() })
  }
  return signal
}
