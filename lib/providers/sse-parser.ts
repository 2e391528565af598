import { StringDecoder } from 'node:string_decoder'
import { ownFailure } from './failure-messages.ts'
import type { StreamEvent } from './types.ts'

export interface SseParser {
  /** The events that these bytes complete. Throws a ProviderFailure (`answer_too_large`) for an event longer than allowed. */
  push: (bytes: Buffer) => StreamEvent[]
  /** The text of what `push` gave last, when nothing but these events was in it, each as `data: …` and a blank line. */
  wire: () => string | null
  /** What the last bytes held, when the stream is over: servers leave the blank line after the last event out. */
  end: () => StreamEvent[]
}

/**
 * Reads Server-Sent Events piece by piece, by the rules of the HTML standard where they matter to JSON: LF, CRLF or CR, a byte
 * order mark, comments, `event:`. Several data lines become one, joined by a space: in JSON line breaks stand only between
 * tokens. A bare JSON object without `data:` is taken as an event, as Gemini tells errors so (Portkey #741, litellm #29223).
 */
export function createSseParser (maxEventLength: number): SseParser {
  const decoder = new StringDecoder('utf8')
  let started = false
  let afterReturn = false
  // the line whose end has not come; only concatenated until then, so that a long one in small reads is not copied again and again
  let rest = ''
  let name: string | null = null
  let data: string | null = null
  let bare = false
  let wire: string | null = null

  const line = (text: string, events: StreamEvent[]): void => {
    if (text === '') {
      if (data !== null) events.push({ name, data })
      name = data = null
      bare = false
    } else if (text.startsWith('data:')) {
      const value = text.slice(text.charCodeAt(5) === space ? 6 : 5)
      data = longer(data === null ? value : `${data} ${value}`)
    } else if (bare || (data === null && text.startsWith('{'))) {
      bare = true
      data = longer(data === null ? text : `${data} ${text}`)
    } else if (text.startsWith('event:')) {
      name = text.slice(text.charCodeAt(6) === space ? 7 : 6) || null
    } // comments, id, retry and fields nobody knows say nothing to us
  }
  const longer = (text: string): string => {
    if (text.length > maxEventLength) throw ownFailure('answer_too_large', false)
    return text
  }
  const decode = (bytes: Buffer): string => {
    let text = decoder.write(bytes)
    if (text === '') return text
    if (!started) {
      started = true
      if (text.charCodeAt(0) === byteOrderMark) text = text.slice(1)
    }
    if (afterReturn && text.charCodeAt(0) === lineFeed) text = text.slice(1)
    afterReturn = false
    if (!text.includes('\r')) return text
    afterReturn = text.endsWith('\r')
    return text.replace(/\r\n?/g, '\n')
  }

  return {
    push (bytes) {
      const events: StreamEvent[] = []
      const text = decode(bytes)
      let from = 0
      let plain = rest === '' && name === null && data === null && !bare
      for (let to = text.indexOf('\n'); to !== -1; to = text.indexOf('\n', from)) {
        // the usual event: one line of data and a blank one, nothing before it
        plain &&= text.charCodeAt(to + 1) === lineFeed && text.startsWith('data: ', from)
        if (plain) {
          events.push({ name: null, data: longer(text.slice(from + 6, to)) })
          from = to + 2
          continue
        }
        line(rest === '' ? text.slice(from, to) : longer(rest + text.slice(from, to)), events)
        rest = ''
        from = to + 1
      }
      if (from < text.length) rest = longer(rest + text.slice(from))
      wire = plain && rest === '' ? text : null
      return events
    },
    wire: () => wire,
    end () {
      const events: StreamEvent[] = []
      if (rest !== '') line(rest, events)
      rest = ''
      line('', events)
      return events.filter(({ data }) => isWhole(data))
    }
  }
}

const space = 32
const lineFeed = 10
const byteOrderMark = 0xfeff

/** Half an event is no event. */
function isWhole (data: string): boolean {
  if (data.trim() === '[DONE]') return true
  try {
    JSON.parse(data)
    return true
  } catch {
    return false
  }
}
