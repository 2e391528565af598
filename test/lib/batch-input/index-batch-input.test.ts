import test from 'ava'
import { chunkBytes } from '../../../lib/batch-input/chunk-rows.ts'
import { checkBatchInput } from '../../../lib/domain/check-batch-input.ts'
import { indexOf, line, url } from './_rows.ts'

const bom = Buffer.from([0xef, 0xbb, 0xbf])
const text = (...lines: string[]): string => lines.join('\n')

const good: ReadonlyArray<readonly [title: string, input: string | Buffer, rows: number, chunks: ReturnType<typeof indexOf>['chunks']]> = [
  ['an empty file', '', 0, []],
  ['only a newline', '\n', 0, []],
  ['only a byte order mark', bom, 0, []],
  ['blank lines of spaces, tabs and carriage returns', ' \n\t\r\n\r\n  ', 0, []],
  ['one line without trailing newline', line('a'), 1, [[0, line('a').length, 1, 1]]],
  ['one line with trailing newline', line('a') + '\n', 1, [[0, line('a').length + 1, 1, 1]]],
  ['CRLF', `${line('a')}\r\n${line('b')}\r\n`, 2, [[0, 2 * (line('a').length + 2), 1, 2]]],
  ['a byte order mark before the first line', Buffer.concat([bom, Buffer.from(line('a'))]), 1, [[3, line('a').length, 1, 1]]],
  ['blank lines before, between and after', text('', '', line('a'), '  ', line('b'), '', ''), 2, [[2, 2 * line('a').length + 5, 3, 2]]],
  ['two-, three- and four-byte characters', line('é€😀'), 1, [[0, Buffer.byteLength(line('é€😀')), 1, 1]]]
]

for (const [title, input, rows, chunks] of good) {
  test(`indexed without error, however it is cut into pieces: ${title}`, t => {
    for (const pieceBytes of [1, 2, 3, 7, 65_536]) {
      const index = indexOf(input, { pieceBytes })
      t.deepEqual({ ...index, urls: undefined, models: undefined }, { rows, chunks, errors: [], errorCount: 0, urls: undefined, models: undefined })
    }
  })
}

const second = (changes: Readonly<Record<string, unknown>>): string => text(line('a'), line('b', changes), line('c'))
const body = (changes: Readonly<Record<string, unknown>>): string => second({ body: { model: 'm', ...changes } })
// as text, because JSON.stringify cannot write what is nested this deep
const nested = (depth: number): string => body({ x: '@' }).replace('"@"', '['.repeat(depth) + ']'.repeat(depth))

const bad: ReadonlyArray<readonly [title: string, input: string | Buffer, code: string, line: number, param: string | null]> = [
  ['invalid JSON', text(line('a'), '{"custom_id": ', line('b')), 'invalid_json_line', 2, null],
  ['invalid JSON after blank lines and CRLF', `\r\n\r\n${line('a')}\r\nnonsense\r\n`, 'invalid_json_line', 4, null],
  ['an array as line', text(line('a'), '[]'), 'invalid_json_line', 2, null],
  ['a string as line', text(line('a'), '"x"'), 'invalid_json_line', 2, null],
  ['null as line', text(line('a'), 'null'), 'invalid_json_line', 2, null],
  ['a byte order mark at the start of the second line', Buffer.concat([Buffer.from(line('a') + '\n'), bom, Buffer.from(line('b'))]), 'invalid_json_line', 2, null],
  ['a NUL in the line', text(line('a'), `\0${line('b')}`), 'invalid_json_line', 2, null],
  ['invalid UTF-8', Buffer.concat([Buffer.from(text(line('a'), line('b')) + '\n'), Buffer.from([0x22, 0xff, 0x22])]), 'invalid_utf8', 3, null],
  ['a character cut by the end of the file', Buffer.from(text(line('a'), '"é"')).subarray(0, -2), 'invalid_utf8', 2, null],
  ['half a byte order mark', Buffer.concat([bom.subarray(0, 2), Buffer.from(line('a'))]), 'invalid_utf8', 1, null],
  ['UTF-16', Buffer.from(`\ufeff${line('a')}`, 'utf16le'), 'invalid_utf8', 1, null],
  ['no custom_id', second({ custom_id: undefined }), 'missing_custom_id', 2, 'custom_id'],
  ['custom_id null', second({ custom_id: null }), 'missing_custom_id', 2, 'custom_id'],
  ['custom_id empty', second({ custom_id: '' }), 'invalid_custom_id', 2, 'custom_id'],
  ['custom_id a number', second({ custom_id: 7 }), 'invalid_custom_id', 2, 'custom_id'],
  ['custom_id of 513 characters', second({ custom_id: 'x'.repeat(513) }), 'invalid_custom_id', 2, 'custom_id'],
  ['custom_id with NUL, which Postgres refuses', second({ custom_id: 'a\0' }), 'invalid_custom_id', 2, 'custom_id'],
  ['custom_id with half a surrogate pair', second({ custom_id: '\ud800' }), 'invalid_custom_id', 2, 'custom_id'],
  ['custom_id used twice', text(line('a'), line('b'), '', line('a')), 'duplicate_custom_id', 4, 'custom_id'],
  ['long custom_id used twice', text(line('x'.repeat(512)), line('x'.repeat(511)), line('x'.repeat(512))), 'duplicate_custom_id', 3, 'custom_id'],
  ['method GET', second({ method: 'GET' }), 'invalid_method', 2, 'method'],
  ['method missing', second({ method: undefined }), 'invalid_method', 2, 'method'],
  ['url missing', second({ url: undefined }), 'missing_url', 2, 'url'],
  ['url a number', second({ url: 1 }), 'invalid_url', 2, 'url'],
  ['url with NUL', second({ url: '/\0' }), 'invalid_url', 2, 'url'],
  ['body missing', second({ body: undefined }), 'missing_body', 2, 'body'],
  ['body a string', second({ body: 'x' }), 'invalid_request', 2, 'body'],
  ['body an array', second({ body: [] }), 'invalid_request', 2, 'body'],
  ['model missing', second({ body: {} }), 'missing_model', 2, 'body.model'],
  ['model empty', body({ model: '' }), 'missing_model', 2, 'body.model'],
  ['model an object', body({ model: {} }), 'model_not_found', 2, 'body.model'],
  ['model with NUL', body({ model: 'a\0' }), 'model_not_found', 2, 'body.model'],
  ['stream true', body({ stream: true }), 'stream_not_supported', 2, 'body.stream'],
  ['stream "true"', body({ stream: 'true' }), 'stream_not_supported', 2, 'body.stream'],
  ['a body nested too deep to be written again', nested(5_000), 'invalid_request', 2, 'body']
]

for (const [title, input, code, lineNumber, param] of bad) {
  test(`exactly one coded error with its line: ${title}`, t => {
    for (const pieceBytes of [1, 65_536]) {
      const index = indexOf(input, { pieceBytes })
      t.is(index.errorCount, 1)
      t.like(index.errors[0], { code, line: lineNumber, param })
    }
  })
}

test('stream false or null and a body nested 128 levels are fine', t => {
  t.is(indexOf(body({ stream: false })).errorCount, 0)
  t.is(indexOf(body({ stream: null })).errorCount, 0)
  t.is(indexOf(nested(127)).errorCount, 0)
  t.is(indexOf(nested(128)).errorCount, 1)
})

test('an error message never quotes the input, which may hold what a database refuses', t => {
  const { errors } = indexOf(text('{"a": \0}', '\ud800'), { pieceBytes: 5 })
  t.is(errors.length, 2)
  for (const { message } of errors) t.regex(message, /^[\x20-\x7e]+$/)
})

test('a line over the limit is an error, is not kept, and the lines after it are read', t => {
  const maxLineBytes = 200
  const long = line('long', { padding: 'x'.repeat(5_000) })
  for (const pieceBytes of [1, 150, 65_536]) {
    const index = indexOf(text(line('a'), long, line('a'), long), { pieceBytes, maxLineBytes })
    t.is(index.rows, 4)
    t.deepEqual(index.errors.map(error => [error.code, error.line]), [['line_too_large', 2], ['duplicate_custom_id', 3], ['line_too_large', 4]])
  }
})

test('a line of exactly the limit is read, and one byte more is not', t => {
  const maxLineBytes = line('a').length
  for (const pieceBytes of [1, 10, 65_536]) {
    t.is(indexOf(text(line('a'), line('b')), { pieceBytes, maxLineBytes }).errorCount, 0)
    t.deepEqual(indexOf(text(line('aa'), line('b')), { pieceBytes, maxLineBytes }).errors.map(error => error.code), ['line_too_large'])
    t.deepEqual(indexOf(text(line('b'), line('aa')), { pieceBytes, maxLineBytes }).errors.map(error => error.line), [2])
  }
})

test('rows past the limit are counted and nothing else', t => {
  const lines = Array.from({ length: 60 }, (_, at) => at < 50 ? line(`${at}`) : 'nonsense')
  const index = indexOf(lines.join('\n'), { maxRows: 50 })
  t.is(index.rows, 60)
  t.is(index.errorCount, 0)
  t.deepEqual(index.chunks.map(chunk => chunk[3]), [50])
  t.is(index.models.m?.count, 50)
})

test('a hundred errors are kept and all are counted', t => {
  const index = indexOf(Array.from({ length: 250 }, () => '{').join('\n'))
  t.is(index.errors.length, 100)
  t.is(index.errors.at(-1)?.line, 100)
  t.is(index.errorCount, 250)
  t.is(index.rows, 250)
})

test('urls and models are counted with their first ten lines, also on lines with another fault', t => {
  const lines = Array.from({ length: 24 }, (_, at) => line(`${at}`, { method: at === 3 ? 'GET' : 'POST', url: at % 2 === 0 ? url : '/v1/embeddings' }))
  const index = indexOf(lines.join('\n'))
  t.deepEqual(index.urls, {
    [url]: { count: 12, lines: [1, 3, 5, 7, 9, 11, 13, 15, 17, 19] },
    '/v1/embeddings': { count: 12, lines: [2, 4, 6, 8, 10, 12, 14, 16, 18, 20] }
  })
  t.is(index.models.m?.count, 24)
})

test('a model named __proto__ is a value like any other', t => {
  const index = indexOf(text('{"custom_id":"a","method":"POST","url":"/","body":{"model":"__proto__"}}'))
  t.deepEqual(JSON.parse(JSON.stringify(index.models)), JSON.parse('{"__proto__":{"count":1,"lines":[1]}}'))
  const errors = checkBatchInput({ index, endpoint: '/', knownModels: new Set(['m']), maxRows: 5, bytes: 10 })
  t.deepEqual(errors.map(error => [error.code, error.line]), [['model_not_found', 1]])
})

test('more than a thousand different models are one error, and only a thousand are kept', t => {
  const lines = Array.from({ length: 1_500 }, (_, at) => line(`${at}`, { body: { model: `m${at}` } }))
  const index = indexOf(lines.join('\n'))
  t.is(Object.keys(index.models).length, 1_000)
  t.is(index.errorCount, 1)
  t.like(index.errors[0], { code: 'invalid_request', param: 'body.model', line: 1_001 })
})

test('a chunk ends at 500 rows or at 2 MiB, and a longer row has a chunk of its own', t => {
  const small = Array.from({ length: 1_001 }, (_, at) => line(`${at}`))
  t.deepEqual(indexOf(small.join('\n')).chunks.map(([, , first, rows]) => [first, rows]), [[1, 500], [501, 500], [1_001, 1]])

  const maxLineBytes = 3 * chunkBytes
  const sizes = [0.4, 0.4, 0.4, 2.5, 0.1, 0.8, 0.3] // in units of 2 MiB
  const large = sizes.map((size, at) => line(`${at}`, { padding: 'x'.repeat(size * chunkBytes) }))
  const { chunks } = indexOf(large.join('\n'), { maxLineBytes })
  t.deepEqual(chunks.map(([, , first, rows]) => [first, rows]), [[1, 2], [3, 1], [4, 1], [5, 2], [7, 1]])
})
