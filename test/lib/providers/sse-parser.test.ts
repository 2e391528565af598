import test from 'ava'
import { createSseParser } from '../../../lib/providers/sse-parser.ts'
import { ProviderFailure } from '../../../lib/providers/types.ts'
import type { StreamEvent } from '../../../lib/providers/types.ts'

function parse (pieces: readonly Buffer[], maxEventLength = 1_000_000): StreamEvent[] {
  const parser = createSseParser(maxEventLength)
  const events = pieces.flatMap(piece => parser.push(piece))
  return [...events, ...parser.end()]
}

const lines = [
  ': a comment', 'data: {"text":"ü€😀"}', '', 'event: response.created', 'id: 7', 'retry: 10', 'data:{"a":', 'data: 1}', '', '',
  'event: nothing to say', '', ': PROCESSING', '', 'data: [DONE]', '', ''
]
const expected = [
  { name: null, data: '{"text":"ü€😀"}' },
  { name: 'response.created', data: '{"a": 1}' },
  { name: null, data: '[DONE]' }
]

for (const [name, lineBreak] of [['LF', '\n'], ['CRLF', '\r\n'], ['CR', '\r']] as const) {
  const bytes = Buffer.from('\ufeff' + lines.join(lineBreak))
  test(`events with ${name} are the same however the bytes are cut`, t => {
    t.deepEqual(parse([bytes]), expected)
    for (let at = 0; at <= bytes.length; at++) t.deepEqual(parse([bytes.subarray(0, at), bytes.subarray(at)]), expected, `cut at ${at}`)
    t.deepEqual(parse([...bytes].map(byte => Buffer.from([byte]))), expected, 'byte by byte')
  })
}

test('an event is given as soon as its blank line is there, with CRLF as well', t => {
  for (const lineBreak of ['\n', '\r\n', '\r']) {
    const parser = createSseParser(1000)
    t.deepEqual(parser.push(Buffer.from(`data: 1${lineBreak}`)), [])
    t.deepEqual(parser.push(Buffer.from(lineBreak)), [{ name: null, data: '1' }])
  }
})

test('only one space after the colon is no part of the value, and a name of an event is gone with it', t => {
  t.deepEqual(parse([Buffer.from('event:  a \ndata:  x\n\ndata:y\n\n')]), [{ name: ' a ', data: ' x' }, { name: null, data: 'y' }])
})

test('an error as bare JSON without data: is an event', t => {
  const text = '{\n  "error": {\n    "code": 503,\n    "message": "data: {overloaded}"\n  }\n}'
  const expected = { error: { code: 503, message: 'data: {overloaded}' } }
  for (const ending of ['', '\n', '\n\n']) {
    const events = parse([Buffer.from(`data: {"a":1}\r\n\r\n${text}${ending}`)])
    t.is(events.length, 2)
    t.deepEqual(JSON.parse(events[1]!.data), expected)
  }
})

test('at the end of the stream a whole event counts without its blank line, half an event does not', t => {
  t.deepEqual(parse([Buffer.from('data: [DONE]')]), [{ name: null, data: '[DONE]' }])
  t.deepEqual(parse([Buffer.from('data: [DONE]\n')]), [{ name: null, data: '[DONE]' }])
  t.deepEqual(parse([Buffer.from('event: e\ndata: {"a":1}')]), [{ name: 'e', data: '{"a":1}' }])
  t.deepEqual(parse([Buffer.from('data: {"a":1')]), [])
  t.deepEqual(parse([Buffer.from('data: {"a":\n')]), [])
  t.deepEqual(parse([]), [])
})

test('an event longer than allowed is refused, in one line, over lines and without any end', t => {
  const long = 'x'.repeat(600)
  for (const pieces of [[`data: ${long}${long}\n\n`], [`data: ${long}\ndata: ${long}\n\n`], [`data: ${long}`, long], [long, long], [`{${long}\n${long}\n`]]) {
    const failure = t.throws(() => parse(pieces.map(piece => Buffer.from(piece)), 1000), { instanceOf: ProviderFailure })
    t.is(failure.class.code, 'answer_too_large')
  }
  // not all events together
  t.is(parse(Array.from({ length: 50 }, () => Buffer.from(`data: ${long}\n\n`)), 1000).length, 50)
})

test('a long event in small reads is not copied again with each read', t => {
  const piece = Buffer.from('y'.repeat(256))
  const reads = 32_000
  const before = process.cpuUsage()
  const events = parse([Buffer.from('data: "'), ...Array.from({ length: reads }, () => piece), Buffer.from('"\n\n')], 64_000_000)
  const { user, system } = process.cpuUsage(before)
  t.is(events[0]!.data.length, reads * 256 + 2)
  // some 50 ms; copying what came before each time would be 130 GB
  t.true(user + system < 3_000_000, `${(user + system) / 1000} ms`)
})

test('the text of what came is kept where it is nothing but whole events of one line of data each', t => {
  const wireOf = (...pieces: string[]): string | null => {
    const parser = createSseParser(1000)
    for (const piece of pieces) parser.push(Buffer.from(piece))
    return parser.wire()
  }
  for (const text of ['data: {"a":"ü"}\n\n', 'data: 1\n\ndata: 2\n\n', 'data: 1\r\n\r\n', '\ufeffdata: 1\n\n']) {
    t.is(wireOf(text), text.replaceAll('\r', '').replace('\ufeff', ''), text)
    t.is(wireOf('data: 0\n\n', text.replace('\ufeff', '')), text.replaceAll('\r', '').replace('\ufeff', ''), text)
  }
  const others = [
    'data:1\n\n', 'data: 1\ndata: 2\n\n', 'event: a\ndata: 1\n\n', ': comment\n\ndata: 1\n\n', 'data: 1\n\n\n', '\ndata: 1\n\n', 'data: 1\n\ndata: 2\n', 'data: 1\n', '{"error":1}\n\n',
    'data: 1\n\nid: 3\ndata: 2\n\n'
  ]
  for (const text of others) t.is(wireOf(text), null, text)
  for (const cut of [1, 5, 8, 10]) t.is(wireOf('data: {"a":1}\n\n'.slice(0, cut), 'data: {"a":1}\n\n'.slice(cut)), null, `cut at ${cut}`)
})
