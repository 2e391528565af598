import type { Chunk } from '../contracts/batch-input.ts'

export const chunkRows = 500
export const chunkBytes = 2 * 1024 * 1024

/** Gathers rows into chunks: every row in exactly one, blank lines between two rows of a chunk inside it. */
export function createChunker (): { addRow: (line: number, start: number, end: number) => void, finish: () => Chunk[] } {
  const chunks: Chunk[] = []
  let first = 0
  let from = 0
  let to = 0
  let rows = 0

  function close (): void {
    if (rows > 0) chunks.push([from, to - from, first, rows])
    rows = 0
  }

  return {
    addRow: (line, start, end) => {
      if (rows === chunkRows || end - from > chunkBytes) close()
      if (rows === 0) {
        first = line
        from = start
      }
      to = end
      rows++
    },
    finish: () => {
      close()
      return chunks
    }
  }
}
