import { createBatchIndexer } from '../../../lib/batch-input/index-batch-input.ts'
import type { FileIndex } from '../../../lib/contracts/batch-input.ts'

export const url = '/v1/chat/completions'

/** One valid row as an object; `changes` replaces fields, undefined removes one. */
export function row (customId: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { custom_id: customId, method: 'POST', url, body: { model: 'm', messages: [] }, ...changes }
}

export function line (customId: string, changes?: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(row(customId, changes))
}

/** Indexes a whole input, given to the indexer in pieces of `pieceBytes`. */
export function indexOf (input: string | Buffer, { pieceBytes = 65_536, maxLineBytes = 100_000, maxRows = 10_000 } = {}): FileIndex {
  const bytes = Buffer.from(input)
  const indexer = createBatchIndexer({ maxLineBytes, maxRows })
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) {
    // a copy that is overwritten afterwards: the indexer must not keep what it was given
    const piece = Buffer.from(bytes.subarray(offset, offset + pieceBytes))
    indexer.write(piece)
    piece.fill(0x21)
  }
  return indexer.finish()
}
