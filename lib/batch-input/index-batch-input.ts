import { isUtf8 } from 'node:buffer'
import { checkBatchLine, isName, isObject } from '../domain/batch-line.ts'
import type { FileIndex, InputError, InputErrorCode } from '../contracts/batch-input.ts'
import { isBlank } from './blank-line.ts'
import { createChunker } from './chunk-rows.ts'
import { createOccurrenceCounter, maxValues } from './count-occurrences.ts'
import { createSeenIds } from './seen-ids.ts'
import { createLineSplitter } from './split-lines.ts'

export interface BatchIndexer {
  /** Takes the next bytes of the file, in order. Never throws for what the bytes say, and keeps no reference to them. */
  readonly write: (bytes: Buffer) => void
  /** The index, after the last byte. */
  readonly finish: () => FileIndex
}

const maxErrors = 100

/**
 * Indexes a batch input file while it streams by: rows, chunks, urls, models and everything that is wrong with a line by
 * itself. Memory is bounded by maxLineBytes and by about 150 bytes for each of maxRows ids; rows past maxRows are only counted.
 */
export function createBatchIndexer ({ maxLineBytes, maxRows }: { maxLineBytes: number, maxRows: number }): BatchIndexer {
  const chunks = createChunker()
  const seen = createSeenIds()
  const urls = createOccurrenceCounter()
  const models = createOccurrenceCounter()
  const errors: InputError[] = []
  let errorCount = 0
  let rows = 0
  let line = 0
  const overfull = new Set<string>()

  function report (code: InputErrorCode, message: string, param: string | null): void {
    errorCount++
    if (errors.length < maxErrors) errors.push({ code, message, param, line })
  }

  function count (counter: typeof urls, value: unknown, param: string): void {
    if (!isName(value) || counter.add(value, line) || overfull.has(param)) return
    overfull.add(param)
    report('invalid_request', `The file has more than ${maxValues} different values of ${param}.`, param)
  }

  function checkRow (text: string): void {
    const row = parse(text)
    if (row instanceof SyntaxError) return report('invalid_json_line', describeSyntaxError(row), null)
    const fault = checkBatchLine(row)
    if (fault !== null) report(fault.code, fault.message, fault.param)
    if (!isObject(row)) return
    // a line with one fault is still counted, so that a first try shows the wrong urls and models as well
    count(urls, row.url, 'url')
    if (isObject(row.body)) count(models, row.body.model, 'body.model')
    if (fault !== null || typeof row.custom_id !== 'string') return
    const first = seen.firstLine(row.custom_id, line)
    if (first !== null) report('duplicate_custom_id', `custom_id was used on line ${first} already.`, 'custom_id')
  }

  const splitter = createLineSplitter(maxLineBytes, {
    line: (bytes, start, end, offset, next) => {
      line++
      if (isBlank(bytes, start, end) || ++rows > maxRows) return
      chunks.addRow(line, offset, next)
      if (isUtf8(bytes.subarray(start, end))) checkRow(bytes.toString('utf8', start, end))
      else report('invalid_utf8', 'This line is not valid UTF-8.', null)
    },
    tooLong: (offset, next) => {
      line++
      if (++rows > maxRows) return
      chunks.addRow(line, offset, next)
      report('line_too_large', `This line is longer than ${maxLineBytes} bytes.`, null)
    }
  })

  return {
    write: splitter.write,
    finish: () => {
      splitter.end()
      return { rows, chunks: chunks.finish(), urls: urls.finish(), models: models.finish(), errors, errorCount }
    }
  }
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    return error
  }
}

/** The engine's own message quotes the input, and what it quotes may be anything; only the column is taken from it. */
function describeSyntaxError (error: SyntaxError): string {
  const position = /at position (\d+)/.exec(error.message)?.[1]
  return position === undefined ? 'This line is not valid JSON.' : `This line is not valid JSON at column ${Number(position) + 1}.`
}
