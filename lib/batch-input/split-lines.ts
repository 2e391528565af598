import { createGrowingBuffer } from '../growing-buffer.ts'

const newline = 0x0a
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

export interface LineEvents {
  /**
   * One physical line: bytes[start, end) without its newline, valid only during the call. `offset` and `next` are where
   * the line and the one after it begin in the file.
   */
  readonly line: (bytes: Buffer, start: number, end: number, offset: number, next: number) => void
  /** A line longer than the limit; its bytes were not kept. */
  readonly tooLong: (offset: number, next: number) => void
}

/**
 * Cuts a stream of buffers into lines. Holds at most `maxLineBytes` of an unfinished line; whole lines are seen in place.
 * A byte order mark at the start belongs to no line. A last line without newline counts; nothing after the last newline does not.
 */
export function createLineSplitter (maxLineBytes: number, events: LineEvents): { write: (chunk: Buffer) => void, end: () => void } {
  const carry = createGrowingBuffer(maxLineBytes)
  let tooLong = false
  /** Offset in the file of the line that is being read, and of the next byte to come. */
  let lineOffset = 0
  let position = 0
  let markSeen = 0

  function skipMark (chunk: Buffer): number {
    let index = 0
    while (markSeen < byteOrderMark.length && index < chunk.length) {
      if (chunk[index] !== byteOrderMark[markSeen]) {
        // not a mark after all: what an earlier chunk held of it is text
        carry.append(byteOrderMark, 0, markSeen - index)
        markSeen = byteOrderMark.length
        return 0
      }
      markSeen++
      index++
    }
    if (markSeen === byteOrderMark.length) lineOffset = position + index
    return index
  }

  function keep (chunk: Buffer, start: number, end: number): void {
    if (!tooLong && carry.append(chunk, start, end) < end - start) tooLong = true
  }

  function finishLine (next: number): void {
    if (tooLong) events.tooLong(lineOffset, next)
    else events.line(carry.view(), 0, carry.length(), lineOffset, next)
    carry.clear()
    tooLong = false
    lineOffset = next
  }

  return {
    write: chunk => {
      let start = markSeen < byteOrderMark.length ? skipMark(chunk) : 0
      for (let end = chunk.indexOf(newline, start); end !== -1; end = chunk.indexOf(newline, start)) {
        const next = position + end + 1
        if (carry.length() > 0 || tooLong) {
          keep(chunk, start, end)
          finishLine(next)
        } else if (end - start > maxLineBytes) {
          events.tooLong(lineOffset, next)
          lineOffset = next
        } else {
          events.line(chunk, start, end, lineOffset, next)
          lineOffset = next
        }
        start = end + 1
      }
      keep(chunk, start, chunk.length)
      position += chunk.length
    },
    end: () => {
      if (markSeen < byteOrderMark.length) carry.append(byteOrderMark, 0, markSeen)
      if (carry.length() > 0 || tooLong) finishLine(position)
    }
  }
}
