import test from 'ava'
import type { ChatRequest } from '../../../lib/contracts/chat.ts'
import { SiraError } from '../../../lib/errors.ts'
import { describeParameters, fitParameters } from '../../../lib/providers/parameters/index.ts'
import { vendors } from '../../../lib/providers/vendors.ts'
import type { VendorKind } from '../../../lib/providers/vendors.ts'

/*
 * Written by hand from the vendors' references, not from the code. What becomes of a value that asks for something:
 * s sent as it is · r renamed · t translated by the adapter, untouched here · c translated here · i left out without a word · x unsupported
 */
const matrix = `
                        openai azure vllm ollama groq together deepseek mistral openrouter anthropic gemini
temperature             s      s     s    s      s    s        s        s       s          t         t
top_p                   s      s     s    s      s    s        s        s       s          s         t
n                       s      s     s    x      x    s        x        s       x          x         t
stop                    s      s     s    s      s    s        s        s       s          t         t
max_tokens              s      s     s    s      s    s        s        s       s          t         t
max_completion_tokens   s      s     s    r      s    r        r        r       s          t         t
seed                    s      s     s    s      s    s        x        r       s          x         t
presence_penalty        s      s     s    s      x    s        s        s       s          x         t
frequency_penalty       s      s     s    s      x    s        s        s       s          x         t
logit_bias              s      s     s    x      x    s        x        x       s          x         x
logprobs                s      s     s    s      x    c        s        x       s          x         t
top_logprobs            s      s     s    s      x    c        s        x       s          x         t
tools                   s      s     s    s      s    s        s        s       s          t         t
tool_choice             s      s     s    x      s    s        s        s       s          t         t
parallel_tool_calls     s      s     s    x      s    x        x        s       s          t         x
functions               s      s     c    c      c    c        c        c       c          c         c
function_call           s      s     c    c      c    c        c        c       c          c         c
response_format         s      s     s    s      s    s        x        s       s          t         t
reasoning_effort        s      s     s    s      s    s        s        s       s          t         t
verbosity               s      s     x    x      x    x        x        x       s          x         x
service_tier            s      x     x    x      s    x        x        x       s          x         t
store                   s      s     i    i      i    i        i        i       i          i         i
metadata                s      s     i    i      i    i        i        i       i          i         i
modalities              s      s     x    x      x    x        x        x       s          x         x
audio                   s      s     x    x      x    x        x        x       s          x         x
prediction              s      s     i    i      i    i        i        s       s          i         i
web_search_options      s      x     x    x      x    x        x        x       s          x         x
user                    s      s     s    i      s    i        i        i       s          t         i
safety_identifier       s      i     i    i      i    i        i        i       i          t         i
prompt_cache_key        s      s     i    i      i    i        i        i       s          i         i
prompt_cache_retention  s      s     i    i      i    i        i        i       s          i         i
stream                  s      s     s    s      s    s        s        s       s          s         s
stream_options          s      s     s    s      s    s        s        c       s          t         t
top_k                   x      x     s    x      x    s        x        x       s          t         t
min_p                   x      x     s    x      x    s        x        x       s          x         x
top_a                   x      x     x    x      x    x        x        x       s          x         x
repetition_penalty      x      x     s    x      x    s        x        x       s          x         x
`
const [head, ...lines] = matrix.trim().split('\n').map(line => line.trim().split(/\s+/))
const kinds = head as VendorKind[]
const rows = lines.map(([name, ...cells]) => ({ name: name!, cells }))

/** A value that asks for something, and those that ask for nothing. */
const samples: Record<string, [value: unknown, ...neutral: unknown[]]> = {
  temperature: [0.5, 1],
  top_p: [0.5, 1],
  n: [2, 1],
  stop: [['a'], [], ''],
  max_tokens: [100],
  max_completion_tokens: [100],
  seed: [7],
  presence_penalty: [0.5, 0],
  frequency_penalty: [0.5, 0],
  logit_bias: [{ 50256: -100 }, {}],
  logprobs: [true, false],
  top_logprobs: [3, 0],
  tools: [[{ type: 'function', function: { name: 'f' } }], []],
  tool_choice: ['required', 'auto'],
  parallel_tool_calls: [false, true],
  functions: [[{ name: 'f' }], []],
  function_call: [{ name: 'f' }, 'auto'],
  response_format: [{ type: 'json_schema', json_schema: { name: 'x', schema: {} } }, { type: 'text' }],
  reasoning_effort: ['high', 'none'],
  verbosity: ['low', 'medium'],
  service_tier: ['flex', 'auto', 'default'],
  store: [true, false],
  metadata: [{ a: 'b' }],
  modalities: [['text', 'audio'], ['text']],
  audio: [{ voice: 'alloy', format: 'wav' }],
  prediction: [{ type: 'content', content: 'x' }],
  web_search_options: [{}],
  user: ['someone'],
  safety_identifier: ['someone'],
  prompt_cache_key: ['k'],
  prompt_cache_retention: ['24h'],
  stream: [true],
  stream_options: [{ include_usage: true }],
  top_k: [40, 0, -1],
  min_p: [0.1, 0],
  top_a: [0.1, 0],
  repetition_penalty: [1.1, 1]
}
const base: ChatRequest = { model: 'public', messages: [{ role: 'user', content: 'hi' }] }
const renames: Record<string, string> = { seed: 'random_seed', max_completion_tokens: 'max_tokens' }

test('the matrix of parameters has every kind of provider and every parameter', t => {
  t.deepEqual([...kinds].sort(), Object.keys(vendors).sort())
  t.deepEqual(rows.map(row => row.name), describeParameters('openai', 'm').map(row => row.parameter))
  for (const { name, cells } of rows) t.is(cells.length, kinds.length, name)
})

for (const [column, kind] of kinds.entries()) {
  test(`a provider of kind ${kind} takes the parameters that its column says`, t => {
    for (const { name, cells } of rows) {
      const [value, ...neutral] = samples[name]!
      const body: ChatRequest = { ...base, [name]: value }
      const cell = cells[column]!
      const told = describeParameters(kind, 'm').find(row => row.parameter === name)!
      if (cell === 'x') {
        const error = t.throws(() => fitParameters(kind, 'm', body, 'refuse'), { instanceOf: SiraError }, name)
        t.is(error.code, 'unsupported_parameter')
        t.is(error.param, name)
        t.is(error.params.model, 'public')
        t.regex(String(error.params.reason), /\.$/)
        t.deepEqual(fitParameters(kind, 'm', body, 'drop'), { body: base, changed: true, dropped: [name] })
        t.true(told.support === 'unsupported' || told.values !== null, name)
      } else {
        const fitted = fitParameters(kind, 'm', body, 'refuse')
        t.deepEqual(fitted.dropped, [], name)
        t.is(fitted.changed, fitted.body !== body, name)
        t.is(fitted.changed, cell !== 's' && cell !== 't', `${name} changed`)
        if (cell === 'r') t.deepEqual<unknown, unknown>(fitted.body, { ...base, [renames[name]!]: value })
        if (cell === 'i') t.deepEqual(fitted.body, base, name)
        if (cell === 'c' && name !== 'logprobs') t.false(name in fitted.body, name)
        t.is(told.support, ({ s: 'supported', r: 'renamed', t: 'translated', c: 'translated', i: 'ignored' } as const)[cell as 's'] as string as typeof told.support, name)
      }
      for (const nothing of [null, ...neutral]) {
        const fitted = fitParameters(kind, 'm', { ...base, [name]: nothing }, 'refuse')
        t.deepEqual(fitted.dropped, [], `${name} at ${JSON.stringify(nothing)}`)
        if (cell === 'x' && told.support === 'unsupported') t.false(name in fitted.body, `${name} at ${JSON.stringify(nothing)}`)
      }
    }
  })
}
