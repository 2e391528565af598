import type { FileIndex, InputError, InputErrorCode, Occurrences } from '../contracts/batch-input.ts'

export interface BatchInputCheck {
  readonly index: FileIndex
  /** The endpoint of the batch; every row's url must be it. */
  readonly endpoint: string
  readonly knownModels: ReadonlySet<string>
  readonly maxRows: number
  /** Bytes of the file, and how many are allowed. */
  readonly bytes: number
  readonly maxBytes?: number
}

/** As many as OpenAI's `errors.data` can hold usefully; the rest would say the same. */
const maxErrors = 100

/**
 * Everything wrong with a batch's input: the file as a whole first, then by line, at most 100. An empty answer means
 * that the batch can run.
 */
export function checkBatchInput ({ index, endpoint, knownModels, maxRows, bytes, maxBytes }: BatchInputCheck): InputError[] {
  const whole: InputError[] = []
  if (index.rows === 0) whole.push(fileError('empty_file', 'The input file has no rows.'))
  if (index.rows > maxRows) whole.push(fileError('too_many_rows', `The input file has ${index.rows} rows; at most ${maxRows} are allowed.`))
  if (maxBytes !== undefined && bytes > maxBytes) {
    whole.push(fileError('file_too_large', `The input file has ${bytes} bytes; at most ${maxBytes} are allowed.`))
  }
  const lines = [
    ...index.errors,
    ...occurrenceErrors(index.urls, url => url !== endpoint, url => ({
      code: 'invalid_url', message: `The url ${url} is not the endpoint of the batch, ${endpoint}.`, param: 'url'
    })),
    ...occurrenceErrors(index.models, model => !knownModels.has(model), model => ({
      code: 'model_not_found', message: `The model ${model} does not exist or is not configured.`, param: 'body.model'
    }))
  ]
  lines.sort((a, b) => (a.line ?? 0) - (b.line ?? 0))
  return [...whole, ...lines].slice(0, maxErrors)
}

function fileError (code: InputErrorCode, message: string): InputError {
  return { code, message, param: null, line: null }
}

function occurrenceErrors (
  occurrences: Occurrences,
  isWrong: (value: string) => boolean,
  describe: (value: string) => Omit<InputError, 'line'>
): InputError[] {
  return Object.entries(occurrences).filter(([value]) => isWrong(value)).flatMap(([value, { count, lines }]) => {
    const error = describe(value)
    const message = count > lines.length ? `${error.message} ${count} rows have it; the first are listed.` : error.message
    return lines.map(line => ({ ...error, message, line }))
  })
}
