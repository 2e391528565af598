import test from 'ava'
import type { FileIndex } from '../../../lib/contracts/batch-input.ts'
import { checkBatchInput } from '../../../lib/domain/check-batch-input.ts'

const endpoint = '/v1/chat/completions'
const index: FileIndex = {
  rows: 3,
  chunks: [[0, 300, 1, 3]],
  urls: { [endpoint]: { count: 3, lines: [1, 2, 3] } },
  models: { known: { count: 3, lines: [1, 2, 3] } },
  errors: [],
  errorCount: 0
}

function check (changes: Partial<FileIndex>, options: { maxRows?: number, maxBytes?: number } = {}) {
  return checkBatchInput({ index: { ...index, ...changes }, endpoint, knownModels: new Set(['known']), maxRows: 10, bytes: 300, ...options })
}

test('a good input has no errors', t => {
  t.deepEqual(check({}), [])
  t.deepEqual(check({ rows: 10 }, { maxBytes: 300 }), [])
})

test('an input without rows, with too many rows or with too many bytes is one error without line', t => {
  t.like(check({ rows: 0, urls: {}, models: {} }), [{ code: 'empty_file', line: null }])
  t.like(check({ rows: 11 }), [{ code: 'too_many_rows', line: null, message: 'The input file has 11 rows; at most 10 are allowed.' }])
  t.like(check({}, { maxBytes: 299 }), [{ code: 'file_too_large', line: null }])
})

test('foreign urls, unknown models and line errors come sorted by line', t => {
  const errors = check({
    urls: { [endpoint]: { count: 1, lines: [1] }, '/v1/embeddings': { count: 2, lines: [4, 9] } },
    models: { known: { count: 2, lines: [1, 4] }, 'gpt-none': { count: 25, lines: [2, 9] } },
    errors: [{ code: 'invalid_json_line', message: 'x', param: null, line: 5 }]
  })
  t.deepEqual(errors.map(({ code, line, param }) => [code, line, param]), [
    ['model_not_found', 2, 'body.model'], ['invalid_url', 4, 'url'], ['invalid_json_line', 5, null], ['invalid_url', 9, 'url'], ['model_not_found', 9, 'body.model']
  ])
  t.is(errors[0]?.message, 'The model gpt-none does not exist or is not configured. 25 rows have it; the first are listed.')
  t.is(errors[1]?.message, `The url /v1/embeddings is not the endpoint of the batch, ${endpoint}.`)
})

test('there are never more than a hundred errors', t => {
  const models = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`m${at}`, { count: 1, lines: [at + 1] }]))
  const errors = check({ rows: 300, models })
  t.is(errors.length, 100)
  t.is(errors[0]?.code, 'too_many_rows')
  t.is(errors[99]?.line, 99)
})
