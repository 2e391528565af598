import type { Chunk } from '../contracts/batch-input.ts'
import { isBlank } from './blank-line.ts'

export interface BatchRow {
  /** Physical and 1-based, as in the index. */
  readonly line: number
  readonly customId: string
  readonly model: string
  readonly body: Record<string, unknown>
}

const newline = 0x0a

/**
 * Turns the bytes of a chunk back into its rows, one at a time so that only one is held as objects. Expects a file whose
 * index has no errors; throws when the bytes are not those that were indexed.
 */
export function * parseChunk (bytes: Buffer, [, length, firstLine, rows]: Chunk): Generator<BatchRow, void, undefined> {
  if (bytes.length !== length) throw new Error(`A chunk of ${length} bytes was read as ${bytes.length}`)
  let found = 0
  let line = firstLine
  for (let start = 0; start < length; line++) {
    const at = bytes.indexOf(newline, start)
    const end = at === -1 ? length : at
    if (!isBlank(bytes, start, end)) {
      found++
      yield toRow(line, bytes.toString('utf8', start, end))
    }
    start = end + 1
  }
  if (found !== rows) throw new Error(`A chunk of ${rows} rows from line ${firstLine} was read as ${found} rows`)
}

function toRow (line: number, text: string): BatchRow {
  const { custom_id: customId, body } = JSON.parse(text) as { custom_id: string, body: Record<string, unknown> & { model: string } }
  return { line, customId, model: body.model, body }
}
