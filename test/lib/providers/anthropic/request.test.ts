import test from 'ava'
import type { ChatMessage, ChatRequest } from '../../../../lib/contracts/chat.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { toMessagesRequest } from '../../../../lib/providers/anthropic/request.ts'

const user = { role: 'user', content: 'Hello' } as const
const tool = { type: 'function', function: { name: 'weather', description: 'Tells it.', parameters: { type: 'object', properties: { city: { type: 'string' } } } } } as const

function translate (further: Partial<ChatRequest>): ReturnType<typeof toMessagesRequest> {
  return toMessagesRequest({ model: 'claude-sonnet-5', messages: [user], ...further })
}

function turnsOf (messages: readonly unknown[]): unknown {
  return translate({ messages: messages as readonly ChatMessage[] }).messages
}

function call (id: string, text: string, name = 'weather'): Record<string, unknown> {
  return { id, type: 'function', function: { name, arguments: text } }
}

const cases: ReadonlyArray<readonly [title: string, request: Partial<ChatRequest>, expected: Record<string, unknown>]> = [
  ['a question needs nothing but a limit, which is 4096 unless told', {}, { model: 'claude-sonnet-5', max_tokens: 4096, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] }],
  ['max_completion_tokens wins over max_tokens', { max_completion_tokens: 7, max_tokens: 9 }, { max_tokens: 7 }],
  ['max_tokens is the limit where it is the only one', { max_tokens: 9, max_completion_tokens: null }, { max_tokens: 9 }],
  [
    'system and developer messages go to the top in their order, wherever they stood',
    { messages: [{ role: 'system', content: 'One' }, user, { role: 'developer', content: [{ type: 'text', text: 'Two' }] }] },
    { system: [{ type: 'text', text: 'One' }, { type: 'text', text: 'Two' }], messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }] }
  ],
  ['a stop text becomes a list', { stop: 'END' }, { stop_sequences: ['END'] }],
  ['stop texts stay a list', { stop: ['A', 'B'] }, { stop_sequences: ['A', 'B'] }],
  ['temperature and top_p go on as they are', { temperature: 0.3, top_p: 0.8 }, { temperature: 0.3, top_p: 0.8 }],
  ['top_k goes on as it is', { top_k: 40 }, { top_k: 40 }],
  ['a top_k of all tokens is not sent', { top_k: -1 }, { top_k: undefined }],
  ['safety_identifier wins over user', { user: 'u', safety_identifier: 's' }, { metadata: { user_id: 's' } }],
  ['user is told as metadata', { user: 'u' }, { metadata: { user_id: 'u' } }],
  ['the default tier is the standard one only', { service_tier: 'default' }, { service_tier: 'standard_only' }],
  ['the automatic tier stays automatic', { service_tier: 'auto' }, { service_tier: 'auto' }],
  ['streaming is asked for', { stream: true }, { stream: true }],
  ['a function becomes a tool', { tools: [tool] }, { tools: [{ name: 'weather', description: 'Tells it.', input_schema: tool.function.parameters }] }],
  ['a function without parameters has an object for its input', { tools: [{ type: 'function', function: { name: 'now' } }] }, { tools: [{ name: 'now', input_schema: { type: 'object' } }] }],
  ['strict functions stay strict', { tools: [{ type: 'function', function: { name: 'now', strict: true } }] }, { tools: [{ name: 'now', input_schema: { type: 'object', properties: {}, additionalProperties: false }, strict: true }] }],
  [
    'the schema of a strict function is the subset that Anthropic takes, with bounds in words',
    { tools: [{ type: 'function', function: { name: 'wait', strict: true, parameters: { type: 'object', properties: { ms: { type: 'integer', minimum: 1, maximum: 9 } }, required: ['ms'] } } }] },
    { tools: [{ name: 'wait', input_schema: { type: 'object', properties: { ms: { type: 'integer', description: '(minimum: 1, maximum: 9)' } }, required: ['ms'], additionalProperties: false }, strict: true }] }
  ],
  [
    'the schema of a function that is not strict stays as it is',
    { tools: [{ type: 'function', function: { name: 'wait', strict: false, parameters: { type: 'object', properties: { ms: { type: 'integer', minimum: 1 } } } } }] },
    { tools: [{ name: 'wait', input_schema: { type: 'object', properties: { ms: { type: 'integer', minimum: 1 } } } }] }
  ],
  [
    'a function with free keys is not strict, as closed its keys would be lost',
    { tools: [{ type: 'function', function: { name: 'set', strict: true, parameters: { type: 'object', properties: { tags: { type: 'object', additionalProperties: { type: 'string' } } } } } }] },
    { tools: [{ name: 'set', input_schema: { type: 'object', properties: { tags: { type: 'object', additionalProperties: { type: 'string' } } } } }] }
  ],
  ['tool_choice auto', { tools: [tool], tool_choice: 'auto' }, { tool_choice: { type: 'auto' } }],
  ['tool_choice required is any', { tools: [tool], tool_choice: 'required' }, { tool_choice: { type: 'any' } }],
  ['tool_choice none keeps the tools', { tools: [tool], tool_choice: 'none' }, { tool_choice: { type: 'none' } }],
  ['tool_choice with a name', { tools: [tool], tool_choice: { type: 'function', function: { name: 'weather' } } }, { tool_choice: { type: 'tool', name: 'weather' } }],
  ['parallel calls are switched off with the automatic choice', { tools: [tool], parallel_tool_calls: false }, { tool_choice: { type: 'auto', disable_parallel_tool_use: true } }],
  ['parallel calls are switched off with a forced choice', { tools: [tool], tool_choice: 'required', parallel_tool_calls: false }, { tool_choice: { type: 'any', disable_parallel_tool_use: true } }],
  ['a cache mark of a tool, a part and the request is passed on', {
    cache_control: { type: 'ephemeral' },
    tools: [{ ...tool, cache_control: { type: 'ephemeral', ttl: '1h' } } as typeof tool],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello', cache_control: { type: 'ephemeral' } }] }]
  }, {
    cache_control: { type: 'ephemeral' },
    tools: [{ name: 'weather', description: 'Tells it.', input_schema: tool.function.parameters, cache_control: { type: 'ephemeral', ttl: '1h' } }],
    messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello', cache_control: { type: 'ephemeral' } }] }]
  }],
  ['a cache mark of a whole message goes to its last part', {
    messages: [{ role: 'system', content: [{ type: 'text', text: 'A' }, { type: 'text', text: 'B' }], cache_control: { type: 'ephemeral' } }, user]
  }, { system: [{ type: 'text', text: 'A' }, { cache_control: { type: 'ephemeral' }, type: 'text', text: 'B' }] }]
]

for (const [title, request, expected] of cases) {
  test(`anthropic request: ${title}`, t => {
    const translated = translate(request) as unknown as Record<string, unknown>
    t.deepEqual(Object.fromEntries(Object.keys(expected).map(name => [name, translated[name]])), expected)
  })
}

test('anthropic request: what it has no field for is left out, and defaults that newer models refuse are not sent', t => {
  const request = translate({ seed: 1, presence_penalty: 1, frequency_penalty: 1, logit_bias: { 1: 1 }, logprobs: true, top_logprobs: 2, n: 1, temperature: 1, top_p: 1, stream_options: { include_usage: true }, metadata: { a: 'b' }, store: true })
  t.deepEqual(Object.keys(request).sort(), ['max_tokens', 'messages', 'model'])
})

test('anthropic request: a conversation of system messages only asks the same words as the user (langchain #31657)', t => {
  const { system, messages } = translate({ messages: [{ role: 'system', content: 'Tell a joke.' }, { role: 'developer', content: 'A short one.' }] })
  t.is(system, undefined)
  t.deepEqual(messages, [{ role: 'user', content: [{ type: 'text', text: 'Tell a joke.' }, { type: 'text', text: 'A short one.' }] }])
})

test('anthropic request: neighbours of one role become one turn, empty texts are left out (litellm #3474)', t => {
  t.deepEqual(turnsOf([
    { role: 'user', content: 'A' }, { role: 'user', content: [{ type: 'text', text: '' }, { type: 'text', text: 'B' }] },
    { role: 'assistant', content: '' }, { role: 'user', content: 'C' }, { role: 'assistant', content: 'D' }, { role: 'assistant', content: 'E' }, user
  ]), [
    { role: 'user', content: [{ type: 'text', text: 'A' }, { type: 'text', text: 'B' }, { type: 'text', text: 'C' }] },
    { role: 'assistant', content: [{ type: 'text', text: 'D' }, { type: 'text', text: 'E' }] },
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] }
  ])
})

test('anthropic request: results of parallel calls are one user turn, before what the user says (vercel/ai #8474)', t => {
  t.deepEqual(turnsOf([
    user,
    { role: 'assistant', content: null, tool_calls: [call('call_1', '{"city":"Oslo"}'), call('call_2', '{"city":"Rome"}')] },
    { role: 'user', content: 'And hurry.' },
    { role: 'tool', tool_call_id: 'call_1', content: '3 degrees' },
    { role: 'tool', tool_call_id: 'call_2', content: [{ type: 'text', text: '20 degrees' }] }
  ]), [
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Oslo' } }, { type: 'tool_use', id: 'call_2', name: 'weather', input: { city: 'Rome' } }] },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: '3 degrees' }] },
        { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: '20 degrees' }] },
        { type: 'text', text: 'And hurry.' }
      ]
    }
  ])
})

test('anthropic request: a result without content has none, and an image in one is kept (litellm #23759)', t => {
  t.deepEqual((turnsOf([
    user, { role: 'assistant', tool_calls: [call('a', ''), call('b', '')] },
    { role: 'tool', tool_call_id: 'a', content: '' },
    { role: 'tool', tool_call_id: 'b', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }
  ]) as readonly unknown[])[2], {
    role: 'user',
    content: [
      { type: 'tool_result', tool_use_id: 'a' },
      { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }] }
    ]
  })
})

test('anthropic request: arguments that are no text at all are an empty object (litellm #5064)', t => {
  for (const text of ['', ' ', 'null', '{}', undefined]) {
    const [, assistant] = turnsOf([user, { role: 'assistant', tool_calls: [call('a', text as string)] }]) as ReadonlyArray<{ content: ReadonlyArray<{ input: unknown }> }>
    t.deepEqual(assistant!.content[0]!.input, {})
  }
})

test('anthropic request: ids that other providers made up are made fit, alike in call and result', t => {
  const turns = JSON.stringify(turnsOf([user, { role: 'assistant', tool_calls: [call('functions.weather:0', '{}')] }, { role: 'tool', tool_call_id: 'functions.weather:0', content: 'x' }]))
  t.true(turns.includes('"id":"functions_weather_0"') && turns.includes('"tool_use_id":"functions_weather_0"'))
})

test('anthropic request: a conversation with calls but no tools any more says what tools there were and that none may be used', t => {
  const request = translate({ messages: [user, { role: 'assistant', tool_calls: [call('a', '{}') as never] }, { role: 'tool', tool_call_id: 'a', content: 'x' }] })
  t.deepEqual(request.tools, [{ name: 'weather', input_schema: { type: 'object' } }])
  t.deepEqual(request.tool_choice, { type: 'none' })
})

test('anthropic request: signed thinking comes back before text and calls, unsigned is left out (openai-agents-python #1704)', t => {
  t.deepEqual((turnsOf([user, {
    role: 'assistant',
    content: 'Let me see.',
    reasoning_content: 'Hm.',
    thinking_blocks: [{ type: 'thinking', thinking: 'Hm.', signature: 'sig' }, { type: 'redacted_thinking', data: 'xyz' }, { type: 'thinking', thinking: 'Unsigned' }],
    tool_calls: [call('a', '{}')]
  }, { role: 'tool', tool_call_id: 'a', content: 'x' }]) as readonly unknown[])[1], {
    role: 'assistant',
    content: [
      { type: 'thinking', thinking: 'Hm.', signature: 'sig' }, { type: 'redacted_thinking', data: 'xyz' }, { type: 'text', text: 'Let me see.' },
      { type: 'tool_use', id: 'a', name: 'weather', input: {} }
    ]
  })
})

test('anthropic request: an answer to be continued does not end with white space', t => {
  t.deepEqual(turnsOf([user, { role: 'assistant', content: 'The best is \n' }]), [
    { role: 'user', content: [{ type: 'text', text: 'Hello' }] }, { role: 'assistant', content: [{ type: 'text', text: 'The best is' }] }
  ])
})

test('anthropic request: images in data: URLs go along, addresses stay addresses (litellm #12899), PDFs are documents', t => {
  const [turn] = turnsOf([{
    role: 'user',
    content: [
      { type: 'image_url', image_url: { url: 'data:image/jpg;base64,QUJD' } },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png?x=1', detail: 'high' } },
      { type: 'file', file: { file_data: 'data:application/pdf;base64,JVBERg==', filename: 'a.pdf' } },
      { type: 'file', file: { file_data: `data:text/plain;charset=utf-8;base64,${Buffer.from('Grüße').toString('base64')}` } }
    ]
  }]) as ReadonlyArray<{ content: unknown }>
  t.deepEqual(turn!.content, [
    { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'QUJD' } },
    { type: 'image', source: { type: 'url', url: 'https://example.com/a.png?x=1' } },
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' }, title: 'a.pdf' },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'Grüße' } }
  ])
})

const refusals: ReadonlyArray<readonly [title: string, request: Partial<ChatRequest>, param: string]> = [
  ['no messages', { messages: [] }, 'messages'],
  ['only empty messages', { messages: [{ role: 'user', content: '' }] }, 'messages'],
  ['an unknown role', { messages: [{ role: 'robot' as 'user', content: 'x' }] }, 'messages[0].role'],
  ['the old role function', { messages: [user, { role: 'function', content: 'x' }] }, 'messages[1].role'],
  ['audio', { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }] }] }, 'messages[0].content[0]'],
  ['an unknown part', { messages: [{ role: 'user', content: [{ type: 'video' } as never] }] }, 'messages[0].content[0]'],
  ['a file by id', { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }] }, 'messages[0].content[0].file.file_data'],
  ['a file of another type', { messages: [{ role: 'user', content: [{ type: 'file', file: { file_data: 'data:application/zip;base64,AA' } }] }] }, 'messages[0].content[0].file.file_data'],
  ['an image with a strange address', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }] }, 'messages[0].content[0].image_url.url'],
  ['an image among instructions', { messages: [{ role: 'system', content: [{ type: 'image_url', image_url: { url: 'https://a.b/c' } }] }, user] }, 'messages[0].content'],
  ['arguments that are no JSON', { messages: [user, { role: 'assistant', tool_calls: [call('a', '{"city":') as never] }] }, 'messages[1].tool_calls[0].function.arguments'],
  ['arguments that are no object', { messages: [user, { role: 'assistant', tool_calls: [call('a', '[1]') as never] }] }, 'messages[1].tool_calls[0].function.arguments'],
  ['a result without the id of its call', { messages: [user, { role: 'tool', content: 'x' }] }, 'messages[1].tool_call_id'],
  ['a tool that is no function', { tools: [{ type: 'custom' } as never] }, 'tools[0]'],
  ['an unknown tool_choice', { tools: [tool], tool_choice: { type: 'allowed_tools' } as never }, 'tool_choice'],
  ['several choices', { n: 2 }, 'n']
]

for (const [title, request, param] of refusals) {
  test(`anthropic request: refuses ${title} with the field at fault`, t => {
    const error = t.throws(() => translate(request), { instanceOf: SiraError })
    t.is(error!.param, param)
    t.is(error!.status, 400)
  })
}
