/**
 * Bytes gathered from many small pieces in one buffer that doubles up to `limit`. Keeping the pieces themselves would cost
 * about 100 bytes each, so a sender of one-byte pieces could make a few megabytes cost hundreds.
 */
export interface GrowingBuffer {
  readonly length: () => number
  /** Copies as much of source[start, end) as fits below the limit; returns how many bytes that was. */
  readonly append: (source: Buffer, start: number, end: number) => number
  /** The bytes so far; valid until the next append or clear. */
  readonly view: () => Buffer
  readonly clear: () => void
}

export function createGrowingBuffer (limit: number, initial = 64 * 1024): GrowingBuffer {
  let bytes = Buffer.allocUnsafe(Math.min(initial, limit))
  let length = 0
  return {
    length: () => length,
    append: (source, start, end) => {
      const copied = Math.min(end - start, limit - length)
      if (length + copied > bytes.length) {
        const larger = Buffer.allocUnsafe(Math.min(limit, Math.max(bytes.length * 2, length + copied)))
        bytes.copy(larger, 0, 0, length)
        bytes = larger
      }
      source.copy(bytes, length, start, start + copied)
      length += copied
      return copied
    },
    view: () => bytes.subarray(0, length),
    clear: () => { length = 0 }
  }
}
