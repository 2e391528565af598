import test from 'ava'
import { parseChunk } from '../../../lib/batch-input/parse-chunk.ts'
import { indexOf, line } from './_rows.ts'

const shapes: ReadonlyArray<readonly [title: string, ending: string, before: string, after: string]> = [
  ['newlines', '\n', '', ''],
  ['CRLF', '\r\n', '', ''],
  ['blank lines everywhere', '\n \n\n', '\n\n', '\n\n'],
  ['a byte order mark', '\n', '\ufeff', '']
]

for (const [title, ending, before, after] of shapes) {
  test(`every row comes back once with its line, from files with ${title}`, t => {
    const ids = Array.from({ length: 1_234 }, (_, at) => `row-${at}-é`)
    const bytes = Buffer.from(before + ids.map(id => line(id)).join(ending) + after)
    const { chunks } = indexOf(bytes, { pieceBytes: 1_000 })
    t.is(chunks.length, 3)
    const rows = chunks.flatMap(chunk => [...parseChunk(bytes.subarray(chunk[0], chunk[0] + chunk[1]), chunk)])
    t.deepEqual(rows.map(row => row.customId), ids)
    const physical = bytes.toString().split('\n')
    for (const row of rows) t.true(physical[row.line - 1]!.includes(`"${row.customId}"`))
    t.deepEqual(rows[7], { line: rows[7]!.line, customId: 'row-7-é', model: 'm', body: { model: 'm', messages: [] } })
  })
}

test('rows are parsed one at a time', t => {
  const bytes = Buffer.from(`${line('a')}\nnonsense\n`)
  const rows = parseChunk(bytes, [0, bytes.length, 1, 2])
  t.is(rows.next().value?.customId, 'a')
  t.throws(() => rows.next(), { instanceOf: SyntaxError })
})

test('bytes that are not those of the index are refused', t => {
  const bytes = Buffer.from(line('a'))
  t.throws(() => [...parseChunk(bytes, [0, bytes.length + 1, 1, 1])], { message: /bytes was read as/ })
  t.throws(() => [...parseChunk(bytes, [0, bytes.length, 1, 2])], { message: /2 rows from line 1 was read as 1 rows/ })
})
