import test from 'ava'
import { asksUsage, forwardBody } from '../../../lib/providers/forward-body.ts'
import { seeded } from '../_seeded.ts'

const parse = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>
const forward = (text: string, model = 'upstream/m-1', streamUsage = false): string => forwardBody(text, parse(text), { model, streamUsage })

test('only the name of the model changes, byte for byte', t => {
  const text = '{ "seed" : 12345678901234567890,\n\t"model"\n:\t"gpt \\"x\\" \\\\" , "temperature":1.10, "messages":[{"role":"user","content":"ü\\n€ \\ud83d\\ude00 \\u00e9 model"}]}\n'
  t.is(forward(text), text.replace('"gpt \\"x\\" \\\\"', '"upstream/m-1"'))
  t.is(forward(text, 'a "quoted" name'), text.replace('"gpt \\"x\\" \\\\"', '"a \\"quoted\\" name"'))
  t.is(forwardBody(text, parse(text), { model: 'gpt "x" \\' }), text, 'a model of that name')
})

test('usage is asked for at the end of the text, byte for byte', t => {
  t.is(forward('{"seed":12345678901234567890,"model":"m","stream":true} \n', 'u', true),
    '{"seed":12345678901234567890,"model":"u","stream":true,"stream_options":{"include_usage":true}} \n')
})

test('stream options of the client are kept, and asked usage is not asked again', t => {
  t.deepEqual(parse(forward('{"model":"m","stream_options":{"include_obfuscation":false}}', 'u', true)),
    { model: 'u', stream_options: { include_obfuscation: false, include_usage: true } })
  t.deepEqual(parse(forward('{"model":"m","stream_options":{"include_usage":false}}', 'u', true)), { model: 'u', stream_options: { include_usage: true } })
  t.deepEqual(parse(forward('{"model":"m","stream_options":null}', 'u', true)), { model: 'u', stream_options: { include_usage: true } })
  t.is(forward('{"stream_options":{"include_usage":true},"model":"m","n":1.0}', 'u', true), '{"stream_options":{"include_usage":true},"model":"u","n":1.0}')
  t.is(forward('{"model":"m","stream_options":null}', 'u'), '{"model":"u","stream_options":null}')
})

const nasty = [
  '{}',
  '{"messages":[]}',
  '{"model":null}',
  '{"model":{"model":"x"}}',
  '{"model":"a","model":"b"}',
  '{"mod\\u0065l":"a"}',
  '{"\\u006dodel":"a","metadata":{"model":"nested"}}',
  '{"\\u006Dodel":"a","x":"y \\"model","z":1}',
  '{"\\u006dodel":"a","x\\"model":"string"}',
  '{"x\\"model":"first","model":"m"}',
  '{"model":"m","tools":[{"function":{"parameters":{"properties":{"model":{"type":"string"}}}}}]}',
  '{"tools":[{"model":"nested"}],"model":"m"}',
  '{"tools":[{"model":"nested"}]}',
  '{"messages":[{"content":"\\"model\\": \\"x\\""}],"model":"m"}',
  '{"messages":["model"],"model":"m"}',
  '{"model":"model"}',
  '{"content":"\\\\","model":"m\\\\"}',
  '{"model":"m","__proto__":{"a":1}}',
  '{"model":"m","x":"}"}',
  '{"model":"m","stream_options":"text"}',
  '{"stream_options":{"include_usage":true},"stream_options":null,"model":"m"}',
  '{"\\u0073tream_options":{"include_usage":true},"model":"m"}'
]

/** What is wanted, by the slow way. */
function expected (text: string, streamUsage: boolean): Record<string, unknown> {
  const parsed = parse(text)
  const options = parsed.stream_options
  return {
    ...parsed,
    model: 'u',
    ...(streamUsage ? { stream_options: { ...(typeof options === 'object' && !Array.isArray(options) ? options : null), include_usage: true } } : null)
  }
}

for (const text of nasty) {
  test(`what is forwarded means what was asked: ${text}`, t => {
    for (const streamUsage of [false, true]) {
      t.deepEqual(parse(forward(text, 'u', streamUsage)), expected(text, streamUsage))
      t.is(asksUsage(parse(forward(text, 'u', streamUsage))), streamUsage || asksUsage(parse(text)))
    }
  })
}

test('whatever the body, what is forwarded means what was asked', t => {
  const random = seeded(7)
  const pick = <Value>(values: readonly Value[]): Value => values[Math.floor(random() * values.length)]!
  const words = ['"model"', '"mod\\u0065l"', '"\\"model"', '"model\\""', '"\\\\"', '"stream_options"', '"a"', '"ü\\ud83d\\ude00"', '"}"', '"include_usage"']
  const space = (): string => pick(['', '', '', ' ', '\n', '\t\r\n'])
  const value = (depth: number): string => {
    const kind = random()
    if (depth > 3 || kind < 0.5) return pick([...words, '1', '-1.50', 'true', 'null', '[]', '{}'])
    if (kind < 0.65) return `[${space()}${Array.from({ length: Math.floor(random() * 3) }, () => value(depth + 1)).join(`${space()},`)}]`
    return object(depth + 1)
  }
  const object = (depth: number): string => {
    const members = Array.from({ length: Math.floor(random() * 4) }, () => `${space()}${pick(words)}${space()}:${space()}${value(depth)}${space()}`)
    if (depth === 0 && random() < 0.7) members.splice(Math.floor(random() * (members.length + 1)), 0, `${space()}"model"${space()}:${space()}"m"${space()}`)
    return `{${members.join(',')}}`
  }
  let spliced = 0
  for (let round = 0; round < 20_000; round++) {
    const text = space() + object(0) + space()
    const streamUsage = random() < 0.5
    const forwarded = forward(text, 'u', streamUsage)
    if (forwarded !== JSON.stringify(expected(text, streamUsage))) spliced += 1
    t.deepEqual(parse(forwarded), expected(text, streamUsage), text)
  }
  t.true(spliced > 1000, `${spliced} spliced`)
})
