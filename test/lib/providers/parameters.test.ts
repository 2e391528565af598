import test from 'ava'
import type { ChatRequest } from '../../../lib/contracts/chat.ts'
import { SiraError } from '../../../lib/errors.ts'
import { describeParameters, fitParameters } from '../../../lib/providers/parameters/index.ts'
import type { VendorKind } from '../../../lib/providers/vendors.ts'

const base: ChatRequest = { model: 'public', messages: [{ role: 'user', content: 'hi' }] }

type Fields = Record<string, unknown>
const cases: [name: string, kind: VendorKind, upstream: string, given: Fields, sent: Fields, dropped?: string[]][] = [
  ['temperature above 1 is 1 at Anthropic', 'anthropic', 'm', { temperature: 1.7 }, { temperature: 1 }],
  ['temperature up to 1 is not scaled at Anthropic', 'anthropic', 'm', { temperature: 0.4 }, { temperature: 0.4 }],
  ['temperature above 1.5 is 1.5 at Mistral', 'mistral', 'm', { temperature: 2 }, { temperature: 1.5 }],
  ['a fifth stop is dropped at Groq', 'groq', 'm', { stop: ['a', 'b', 'c', 'd', 'e'] }, { stop: ['a', 'b', 'c', 'd'] }, ['stop']],
  ['five stops are sent to Gemini', 'gemini', 'm', { stop: ['a', 'b', 'c', 'd', 'e'] }, { stop: ['a', 'b', 'c', 'd', 'e'] }],
  ['nine choices are dropped at Gemini', 'gemini', 'm', { n: 9 }, {}, ['n']],
  ['log probabilities are a number at Together', 'together', 'm', { logprobs: true, top_logprobs: 5 }, { logprobs: 5 }],
  ['log probabilities without alternatives are 1 at Together', 'together', 'm', { logprobs: true }, { logprobs: 1 }],
  ['max_tokens is max_completion_tokens for o3', 'openai', 'o3', { max_tokens: 5 }, { max_completion_tokens: 5 }],
  ['of both limits the model\'s own wins', 'openai', 'gpt-5-mini', { max_tokens: 5, max_completion_tokens: 6 }, { max_completion_tokens: 6 }],
  ['a null limit does not hide the other', 'ollama', 'm', { max_tokens: null, max_completion_tokens: 6 }, { max_tokens: 6 }],
  ['o-series models take one temperature', 'azure', 'o4-mini', { temperature: 0.2, top_p: 1 }, {}, ['temperature']],
  ['gpt-5 takes no stop and no log probabilities', 'openai', 'gpt-5', { stop: 'x', logprobs: true, verbosity: 'low' }, { verbosity: 'low' }, ['stop', 'logprobs']],
  ['gpt-5-chat does not reason', 'openai', 'gpt-5-chat-latest', { temperature: 0.2, stop: 'x' }, { temperature: 0.2, stop: 'x' }],
  ['gpt-5.2 decides itself', 'openai', 'gpt-5.2', { temperature: 0.2, max_tokens: 3 }, { temperature: 0.2, max_completion_tokens: 3 }],
  ['a fine-tuned o4-mini is an o4-mini', 'openai', 'ft:o4-mini-2025-04-16:org::id', { top_p: 0.5 }, {}, ['top_p']],
  ['o1 calls one tool at a time', 'openai', 'o1', { parallel_tool_calls: true }, {}],
  ['gpt-4o does not reason', 'openai', 'gpt-4o', { reasoning_effort: 'high', temperature: 0.1 }, { temperature: 0.1 }, ['reasoning_effort']],
  ['open models with such names are left alone', 'vllm', 'o3', { temperature: 0.2, max_tokens: 5 }, { temperature: 0.2, max_tokens: 5 }],
  ['deepseek-reasoner takes no sampling', 'deepseek', 'deepseek-reasoner', { temperature: 0.2 }, {}, ['temperature']],
  ['JSON mode is sent to DeepSeek', 'deepseek', 'deepseek-chat', { response_format: { type: 'json_object' } }, { response_format: { type: 'json_object' } }],
  ['Claude 4.5 takes temperature or top_p', 'anthropic', 'claude-sonnet-4-5-20250929', { temperature: 0.2, top_p: 0.9 }, { temperature: 0.2 }, ['top_p']],
  ['Claude 4.5 takes top_p beside the default temperature', 'anthropic', 'claude-sonnet-4-5', { temperature: 1, top_p: 0.9 }, { temperature: 1, top_p: 0.9 }],
  ['Claude 4.7 takes neither', 'anthropic', 'claude-opus-4-7', { temperature: 0.2, top_p: 0.9 }, {}, ['temperature', 'top_p']],
  ['Claude 5 takes neither', 'anthropic', 'claude-sonnet-5', { temperature: 0.2, top_k: 3 }, {}, ['temperature', 'top_k']],
  ['Claude 4.5 takes top_k', 'anthropic', 'claude-sonnet-4-5', { top_k: 3 }, { top_k: 3 }],
  ['the date of a Claude 4 is no version', 'anthropic', 'claude-opus-4-20250514', { temperature: 0.2, top_p: 0.9 }, { temperature: 0.2, top_p: 0.9 }],
  ['Claude 3.5 takes both', 'anthropic', 'claude-3-5-sonnet-20241022', { temperature: 0.2, top_p: 0.9 }, { temperature: 0.2, top_p: 0.9 }],
  ['unknown fields go on', 'mistral', 'm', { safe_prompt: true }, { safe_prompt: true }],
  ['top_k is not sent to OpenAI', 'openai', 'gpt-4o', { top_k: 3 }, {}, ['top_k']],
  ['Mistral is not asked for usage in its stream', 'mistral', 'm', { stream: true, stream_options: { include_usage: true } }, { stream: true }]
]
for (const [name, kind, upstream, given, sent, dropped = []] of cases) {
  test(`parameters: ${name}`, t => {
    const body = { ...base, ...given }
    const before = structuredClone(body)
    const fitted = fitParameters(kind, upstream, body, 'drop')
    t.deepEqual<unknown, unknown>(fitted.body, { ...base, ...sent })
    t.deepEqual(fitted.dropped, dropped)
    t.deepEqual(body, before)
    if (dropped.length > 0) t.is(t.throws(() => fitParameters(kind, upstream, body, 'refuse'), { instanceOf: SiraError }).param, dropped[0]!)
    else t.deepEqual(fitParameters(kind, upstream, body, 'refuse'), fitted)
  })
}

test('a request that asks for nothing special is passed on as the same object', t => {
  const body = { ...base, temperature: 0.5, max_completion_tokens: 10, stream: true }
  for (const kind of ['openai', 'azure', 'vllm', 'openrouter', 'anthropic', 'gemini'] as const) t.is(fitParameters(kind, 'm', body, 'refuse').body, body)
})

test('a number that is none, or out of OpenAI\'s range, is not moved into a narrower one', t => {
  for (const [kind, field, value] of [['anthropic', 'temperature', 2.1], ['anthropic', 'temperature', '1'], ['mistral', 'temperature', -0.1], ['gemini', 'n', 0], ['gemini', 'n', 'two']] as const) {
    const error = t.throws(() => fitParameters(kind, 'm', { ...base, [field]: value } as ChatRequest, 'drop'), { instanceOf: SiraError })
    t.is(error.code, 'invalid_parameter')
    t.is(error.param, field)
  }
})

test('functions become tools, their calls and answers with them', t => {
  const { body, changed } = fitParameters('vllm', 'm', {
    model: 'public',
    messages: [
      { role: 'user', content: 'weather?' },
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
      { role: 'function', name: 'f', content: 'rain' },
      { role: 'assistant', content: null, function_call: { name: 'g', arguments: '{"a":1}' } },
      { role: 'function', name: 'g', content: null }
    ],
    functions: [{ name: 'f' }, { name: 'g', parameters: {} }],
    function_call: { name: 'g' }
  }, 'refuse')
  t.true(changed)
  t.deepEqual<unknown, unknown>(body, {
    model: 'public',
    messages: [
      { role: 'user', content: 'weather?' },
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'f', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: 'call_1', content: 'rain' },
      { role: 'assistant', content: null, tool_calls: [{ id: 'call_2', type: 'function', function: { name: 'g', arguments: '{"a":1}' } }] },
      { role: 'tool', tool_call_id: 'call_2', content: '' }
    ],
    tools: [{ type: 'function', function: { name: 'f' } }, { type: 'function', function: { name: 'g', parameters: {} } }],
    tool_choice: { type: 'function', function: { name: 'g' } }
  })
})

test('a description tells range, rename, values and note', t => {
  const told = (kind: VendorKind, upstream: string, name: string): unknown => describeParameters(kind, upstream).find(row => row.parameter === name)
  t.deepEqual(told('anthropic', 'm', 'temperature'), {
    parameter: 'temperature', support: 'translated', renamed_to: null, max_items: null, values: null, note: 'above 1 counts as 1.',
    range: { min: 0, max: 2, outside: 'clamped', provider_min: 0, provider_max: 1 }
  })
  t.like(told('gemini', 'm', 'n'), { range: { min: 1, max: 128, outside: 'unsupported', provider_min: 1, provider_max: 8 } })
  t.like(told('openai', 'm', 'top_p'), { support: 'supported', range: { min: 0, max: 1, outside: 'refused' } })
  t.like(told('openai', 'o3', 'max_tokens'), { support: 'renamed', renamed_to: 'max_completion_tokens' })
  t.like(told('openai', 'o3', 'temperature'), { support: 'unsupported', range: null })
  t.like(told('deepseek', 'm', 'stop'), { max_items: 16 })
  t.like(told('deepseek', 'm', 'response_format'), { values: ['text', 'json_object'] })
})
