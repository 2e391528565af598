import test from 'ava'
import type { ChatMessage, ChatRequest } from '../../../../lib/contracts/chat.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { generateContentPath, toGenerateContent } from '../../../../lib/providers/gemini/request.ts'

const hello: ChatMessage = { role: 'user', content: 'Hello' }

function translated (fields: Partial<ChatRequest>): ReturnType<typeof toGenerateContent> {
  return toGenerateContent({ model: 'gemini-3-flash', messages: [hello], ...fields })
}

function contentsOf (...messages: ChatMessage[]): unknown {
  return translated({ messages }).contents
}

const parameters: ReadonlyArray<readonly [name: string, fields: Partial<ChatRequest>, config: object | undefined]> = [
  ['nothing', {}, undefined],
  ['nulls', { temperature: null, top_p: null, n: null, stop: null, seed: null, max_tokens: null, response_format: null, reasoning_effort: null }, undefined],
  ['temperature up to 2', { temperature: 2 }, { temperature: 2 }],
  ['temperature 0', { temperature: 0 }, { temperature: 0 }],
  ['top_p', { top_p: 0.5 }, { topP: 0.5 }],
  ['top_k', { top_k: 40 }, { topK: 40 }],
  ['top_k of all tokens', { top_k: 0 }, undefined],
  ['n', { n: 3 }, { candidateCount: 3 }],
  ['max_tokens', { max_tokens: 7 }, { maxOutputTokens: 7 }],
  ['max_completion_tokens before max_tokens', { max_tokens: 7, max_completion_tokens: 9 }, { maxOutputTokens: 9 }],
  ['one stop', { stop: 'END' }, { stopSequences: ['END'] }],
  ['several stops', { stop: ['a', 'b'] }, { stopSequences: ['a', 'b'] }],
  ['seed', { seed: 42 }, { seed: 42 }],
  ['a seed of more than 32 bits', { seed: 2 ** 32 + 5 }, { seed: 5 }],
  ['penalties', { presence_penalty: -2, frequency_penalty: 1.5 }, { presencePenalty: -2, frequencyPenalty: 1.5 }],
  ['logprobs', { logprobs: true }, { responseLogprobs: true }],
  ['top_logprobs', { logprobs: true, top_logprobs: 4 }, { responseLogprobs: true, logprobs: 4 }],
  ['top_logprobs without logprobs', { logprobs: false, top_logprobs: 4 }, undefined],
  ['format text', { response_format: { type: 'text' } }, undefined],
  ['format json_object', { response_format: { type: 'json_object' } }, { responseMimeType: 'application/json' }],
  [
    'format json_schema',
    { response_format: { type: 'json_schema', json_schema: { name: 'x', strict: true, schema: { type: 'object', additionalProperties: false } } } },
    { responseMimeType: 'application/json', responseJsonSchema: { type: 'object', additionalProperties: false } }
  ]
]
for (const [name, fields, config] of parameters) {
  test(`gemini request: ${name}`, t => {
    t.deepEqual(translated(fields).generationConfig, config as never)
  })
}

const efforts: ReadonlyArray<readonly [model: string, effort: string, thinking: object]> = [
  ['gemini-2.5-flash', 'none', { thinkingBudget: 0 }],
  ['gemini-2.5-flash', 'minimal', { thinkingBudget: 1024, includeThoughts: true }],
  ['gemini-2.5-pro', 'low', { thinkingBudget: 1024, includeThoughts: true }],
  ['gemini-2.5-pro', 'medium', { thinkingBudget: 8192, includeThoughts: true }],
  ['gemini-2.5-pro', 'high', { thinkingBudget: 24_576, includeThoughts: true }],
  ['gemini-3-flash', 'none', { thinkingLevel: 'MINIMAL' }],
  ['gemini-3-flash', 'minimal', { thinkingLevel: 'MINIMAL', includeThoughts: true }],
  ['gemini-3.1-pro-preview', 'minimal', { thinkingLevel: 'LOW', includeThoughts: true }],
  ['gemini-3-flash', 'medium', { thinkingLevel: 'MEDIUM', includeThoughts: true }],
  ['gemini-3-flash', 'high', { thinkingLevel: 'HIGH', includeThoughts: true }],
  ['gemini-flash-latest', 'xhigh', { thinkingLevel: 'HIGH', includeThoughts: true }]
]
for (const [model, effort, thinking] of efforts) {
  test(`gemini request: reasoning_effort ${effort} of ${model} is never both budget and level`, t => {
    t.deepEqual(translated({ model, reasoning_effort: effort }).generationConfig?.thinkingConfig, thinking)
  })
}

test('gemini request: thinking in the spelling of Google wins over reasoning_effort', t => {
  const fields = { reasoning_effort: 'low', extra_body: { google: { thinking_config: { thinking_budget: 99, include_thoughts: false } } } }
  t.deepEqual(translated(fields).generationConfig?.thinkingConfig, { thinkingBudget: 99, includeThoughts: false })
})

test('gemini request: system and developer messages become the instruction, wherever they stand', t => {
  const { systemInstruction, contents } = translated({
    messages: [{ role: 'system', content: 'Be brief.' }, hello, { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] }]
  })
  t.deepEqual(systemInstruction, { parts: [{ text: 'Be brief.' }, { text: 'Be kind.' }] })
  t.deepEqual(contents, [{ role: 'user', parts: [{ text: 'Hello' }] }])
})

test('gemini request: a conversation of system messages only is asked as the user (langchain #31657)', t => {
  const { systemInstruction, contents } = translated({ messages: [{ role: 'system', content: 'Tell a joke.' }] })
  t.is(systemInstruction, undefined)
  t.deepEqual(contents, [{ role: 'user', parts: [{ text: 'Tell a joke.' }] }])
})

test('gemini request: consecutive messages of one side become one turn, empty ones none', t => {
  t.deepEqual(contentsOf(hello, { role: 'user', content: 'You there?' }, { role: 'assistant', content: '' }, { role: 'assistant', content: 'Yes' },
    { role: 'assistant', content: [{ type: 'text', text: 'indeed' }] }, { role: 'user', content: 'Good' }), [
    { role: 'user', parts: [{ text: 'Hello' }, { text: 'You there?' }] },
    { role: 'model', parts: [{ text: 'Yes' }, { text: 'indeed' }] },
    { role: 'user', parts: [{ text: 'Good' }] }
  ])
})

const media: ReadonlyArray<readonly [name: string, part: object, expected: object]> = [
  ['a picture as data', { type: 'image_url', image_url: { url: 'data:image/PNG;base64,QUJD' } }, { inlineData: { mimeType: 'image/png', data: 'QUJD' } }],
  ['a picture by address', { type: 'image_url', image_url: { url: 'https://example.com/a/Cat.JPG?size=2' } }, { fileData: { fileUri: 'https://example.com/a/Cat.JPG?size=2', mimeType: 'image/jpeg' } }],
  ['a bucket', { type: 'image_url', image_url: { url: 'gs://bucket/cat.webp' } }, { fileData: { fileUri: 'gs://bucket/cat.webp', mimeType: 'image/webp' } }],
  [
    'a file uploaded to Gemini',
    { type: 'image_url', image_url: { url: 'https://generativelanguage.googleapis.com/v1beta/files/abc' } },
    { fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc' } }
  ],
  ['sound', { type: 'input_audio', input_audio: { data: 'UklG', format: 'wav' } }, { inlineData: { mimeType: 'audio/wav', data: 'UklG' } }],
  ['a document as data', { type: 'file', file: { file_data: 'data:application/pdf;base64,JVBE', filename: 'a.pdf' } }, { inlineData: { mimeType: 'application/pdf', data: 'JVBE' } }]
]
for (const [name, part, expected] of media) {
  test(`gemini request: ${name} reaches Gemini (hermes-agent #55460)`, t => {
    t.deepEqual(contentsOf({ role: 'user', content: [{ type: 'text', text: 'See:' }, part as never] }), [{ role: 'user', parts: [{ text: 'See:' }, expected] }])
  })
}

const refusals: ReadonlyArray<readonly [name: string, fields: Partial<ChatRequest>, code: string, param: string]> = [
  ['an address without a type', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/cat' } }] }] }, 'unsupported_parameter', 'messages[0].content[0].image_url.url'],
  ['an address that is none', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd.png' } }] }] }, 'unsupported_parameter', 'messages[0].content[0].image_url.url'],
  ['data that are not base64', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/svg+xml,<svg/>' } }] }] }, 'unsupported_parameter', 'messages[0].content[0].image_url.url'],
  ['a file of another provider', { messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }] }, 'unsupported_parameter', 'messages[0].content[0].file'],
  ['a part of unknown type', { messages: [{ role: 'user', content: [{ type: 'hologram' } as never] }] }, 'unsupported_parameter', 'messages[0].content[0].type'],
  ['a part that is none', { messages: [{ role: 'user', content: [null as never] }] }, 'invalid_parameter', 'messages[0].content[0]'],
  ['content that is none', { messages: [{ role: 'user', content: 5 as never }] }, 'invalid_parameter', 'messages[0].content'],
  ['an unknown role', { messages: [{ role: 'wizard' as never, content: 'x' }] }, 'invalid_parameter', 'messages[0].role'],
  ['a message that is none', { messages: [null as never] }, 'invalid_parameter', 'messages[0].role'],
  ['no messages', { messages: [] }, 'missing_parameter', 'messages'],
  ['a result without its call', { messages: [hello, { role: 'tool', tool_call_id: 'call_9', content: '1' }] }, 'invalid_parameter', 'messages[1].tool_call_id'],
  ['arguments that are no JSON', { messages: [hello, { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{' } }] }] }, 'invalid_parameter', 'messages[1].tool_calls[0].function.arguments'],
  ['arguments that are no object', { messages: [hello, { role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '[1]' } }] }] }, 'invalid_parameter', 'messages[1].tool_calls[0].function.arguments'],
  ['a tool that is no function', { tools: [{ type: 'custom' } as never] }, 'unsupported_parameter', 'tools[0].type'],
  ['a choice of another kind', { tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: { type: 'custom' } as never }, 'unsupported_parameter', 'tool_choice'],
  ['functions of old', { functions: [] }, 'unsupported_parameter', 'functions'],
  ['an answer as sound', { modalities: ['text', 'audio'] }, 'unsupported_parameter', 'modalities'],
  ['an unknown format', { response_format: { type: 'grammar' } as never }, 'unsupported_parameter', 'response_format'],
  ['an unknown effort', { reasoning_effort: 'heroic' }, 'invalid_parameter', 'reasoning_effort']
]
for (const [name, fields, code, param] of refusals) {
  test(`gemini request: ${name} is a coded refusal`, t => {
    const error = t.throws(() => translated(fields), { instanceOf: SiraError })
    t.like(error, { code, param })
  })
}

const signature = 'c2ln/G5h+HVyZQ=='
const call = (id: string, name: string, args = '{}'): NonNullable<ChatMessage['tool_calls']>[number] => ({ id, type: 'function', function: { name, arguments: args } })

test('gemini request: calls and results go back as Gemini knows them, results in the order of the calls', t => {
  const contents = contentsOf(
    hello,
    { role: 'assistant', content: null, tool_calls: [call('one', 'weather', '{"city":"Ulm"}'), call('two', 'weather', '{"city":"Bonn"}')] },
    { role: 'tool', tool_call_id: 'two', content: 'rain' },
    { role: 'tool', tool_call_id: 'one', content: '{"sun":true}' },
    { role: 'user', content: 'Well?' }
  )
  t.deepEqual(contents, [
    { role: 'user', parts: [{ text: 'Hello' }] },
    {
      role: 'model',
      parts: [
        { functionCall: { id: 'one', name: 'weather', args: { city: 'Ulm' } }, thoughtSignature: 'skip_thought_signature_validator' },
        { functionCall: { id: 'two', name: 'weather', args: { city: 'Bonn' } } }
      ]
    },
    {
      role: 'user',
      parts: [
        { functionResponse: { id: 'one', name: 'weather', response: { output: { sun: true } } } },
        { functionResponse: { id: 'two', name: 'weather', response: { output: 'rain' } } }
      ]
    },
    { role: 'user', parts: [{ text: 'Well?' }] }
  ])
})

test('gemini request: an id that was made here stays here', t => {
  const id = `call_${'0123456789abcdef'.repeat(2)}`
  const [, calls, results] = contentsOf(hello, { role: 'assistant', tool_calls: [call(id, 'f')] }, { role: 'tool', tool_call_id: id, content: '' }) as Array<{ parts: unknown[] }>
  t.deepEqual(calls?.parts, [{ functionCall: { name: 'f', args: {} }, thoughtSignature: 'skip_thought_signature_validator' }])
  t.deepEqual(results?.parts, [{ functionResponse: { name: 'f', response: { output: '' } } }])
})

for (const [how, toolCall] of [
  ['from extra_content', { ...call('a', 'f'), extra_content: { google: { thought_signature: signature } } }],
  ['from the id, where a client dropped the field', call('a__sig_c2ln_G5h-HVyZQ', 'f')]
] as const) {
  test(`gemini request: the thought signature comes back ${how} (litellm #16893)`, t => {
    const [, calls, results] = contentsOf(hello, { role: 'assistant', tool_calls: [toolCall] }, { role: 'tool', tool_call_id: toolCall.id, content: '1' }) as Array<{ parts: unknown[] }>
    t.deepEqual(calls?.parts, [{ functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: signature }])
    t.deepEqual(results?.parts, [{ functionResponse: { id: 'a', name: 'f', response: { output: '1' } } }])
  })
}

test('gemini request: Gemini 2 gets no stand-in for a signature', t => {
  const { contents } = translated({ model: 'gemini-2.5-pro', messages: [hello, { role: 'assistant', tool_calls: [call('a', 'f', '')] }] })
  t.deepEqual(contents[1]?.parts, [{ functionCall: { id: 'a', name: 'f', args: {} } }])
})

test('gemini request: a picture in the result of a tool is not lost (litellm #23759)', t => {
  const content = [{ type: 'text' as const, text: 'A cat' }, { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,QUJD' } }]
  const [, , results] = contentsOf(hello, { role: 'assistant', tool_calls: [call('a', 'f')] }, { role: 'tool', tool_call_id: 'a', content }) as Array<{ parts: unknown[] }>
  t.deepEqual(results?.parts, [{
    functionResponse: { id: 'a', name: 'f', response: { output: 'A cat' }, parts: [{ inlineData: { mimeType: 'image/png', data: 'QUJD' } }] }
  }])
})

test('gemini request: tools are declared with JSON Schema, and without a schema where they take nothing', t => {
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
  const { tools, toolConfig } = translated({
    tools: [
      { type: 'function', function: { name: 'weather', description: 'Tells the weather', parameters: schema, strict: true } },
      { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } },
      { type: 'function', function: { name: 'map', parameters: { type: 'object', additionalProperties: { type: 'string' } } } }
    ]
  })
  t.deepEqual(tools, [{
    functionDeclarations: [
      { name: 'weather', description: 'Tells the weather', parametersJsonSchema: schema },
      { name: 'now' },
      { name: 'map', parametersJsonSchema: { type: 'object', additionalProperties: { type: 'string' } } }
    ]
  }])
  t.is(toolConfig, undefined)
})

const choices: ReadonlyArray<readonly [choice: NonNullable<ChatRequest['tool_choice']>, config: object | undefined]> = [
  ['auto', undefined],
  ['none', { mode: 'NONE' }],
  ['required', { mode: 'ANY' }],
  [{ type: 'function', function: { name: 'f' } }, { mode: 'ANY', allowedFunctionNames: ['f'] }]
]
for (const [choice, config] of choices) {
  test(`gemini request: tool_choice ${JSON.stringify(choice)}`, t => {
    const { toolConfig } = translated({ tools: [{ type: 'function', function: { name: 'f' } }], tool_choice: choice })
    t.deepEqual(toolConfig?.functionCallingConfig, config as never)
  })
}

test('gemini request: flex and priority are asked for, other tiers are the default', t => {
  t.is(translated({ service_tier: 'flex' }).serviceTier, 'flex')
  t.is(translated({ service_tier: 'auto' }).serviceTier, undefined)
})

test('gemini request: the model and the method are in the path', t => {
  t.is(generateContentPath('gemini-3-flash', false), '/models/gemini-3-flash:generateContent')
  t.is(generateContentPath('tunedModels/a b', true), '/tunedModels/a%20b:streamGenerateContent?alt=sse')
  t.is(generateContentPath('x?y#z', false), '/models/x%3Fy%23z:generateContent')
})
