import { Ajv } from 'ajv'
import test from 'ava'
import { ChatBody, CompletionsBody, EmbeddingsBody, ModerationsBody } from '../../../lib/dialects/chat-schema.ts'
import { MessagesBody } from '../../../lib/dialects/messages/schema.ts'
import { ResponsesBody } from '../../../lib/dialects/responses/schema.ts'

// As api/plugins/validation.ts compiles bodies.
const ajv = new Ajv({ strict: false, useDefaults: true, coerceTypes: false, removeAdditional: false })

const user = { role: 'user', content: 'x' }
const many = (length: number, value: unknown) => Array.from({ length }, () => value)

interface Surface { readonly name: string, readonly schema: object, readonly least: object, readonly taken: readonly object[], readonly refused: readonly object[] }

const sampling = {
  taken: [
    { temperature: 0 }, { temperature: 2 }, { temperature: null }, { top_p: 1 }, { presence_penalty: -2 }, { frequency_penalty: 2 }, { n: 1 }, { n: 128 }, { n: null }, { top_k: -1 }, { top_k: 40, min_p: 0.1, top_a: 0, repetition_penalty: 1.1 },
    { stop: 'x' }, { stop: ['a', 'b', 'c', 'd'] }, { stop: null }, { logit_bias: { 50256: -100 } }, { logit_bias: null }, { unknown_field: [{}] }
  ],
  refused: [
    { temperature: 2.1 }, { temperature: -1 }, { temperature: '1' }, { top_p: 1.1 }, { presence_penalty: 3 }, { n: 0 }, { n: 129 }, { n: 1.5 }, { top_k: '40' }, { min_p: 2 }, { stop: ['a', 'b', 'c', 'd', 'e'] }, { stop: [1] }, { logit_bias: { 1: 101 } }, { stream: 'yes' }, { model: '' }, { model: 7 }
  ]
}

const surfaces: readonly Surface[] = [
  {
    name: 'ChatBody',
    schema: ChatBody,
    least: { model: 'm', messages: [user] },
    taken: [
      ...sampling.taken,
      { messages: ['system', 'developer', 'user', 'assistant', 'tool', 'function'].map(role => ({ role, content: 'x' })) }, { messages: [{ role: 'user', content: [] }, { role: 'assistant', content: null }, { role: 'assistant' }] },
      { messages: many(2000, user) }, { max_tokens: 1 }, { max_completion_tokens: null }, { logprobs: true, top_logprobs: 20 }, { tools: many(128, { type: 'function' }) }, { tools: null },
      { tool_choice: 'auto' }, { tool_choice: { type: 'function' } }, { functions: [{ name: 'f' }], function_call: 'auto' }, { response_format: { type: 'json_schema', json_schema: {} } },
      { reasoning_effort: 'minimal', verbosity: 'low', service_tier: 'flex' }, { modalities: ['text', 'audio'], audio: { voice: 'alloy' } }, { prediction: { type: 'content' }, web_search_options: {} },
      { store: true, metadata: { a: 'b' } }, { metadata: null }, { seed: -3 }, { stream: true, stream_options: { include_usage: true } }, { stream_options: null }, { user: 'u', safety_identifier: 's', prompt_cache_key: 'p' }
    ],
    refused: [
      ...sampling.refused,
      { messages: [] }, { messages: 'x' }, { messages: [{ content: 'x' }] }, { messages: [{ role: 'king', content: 'x' }] }, { messages: [{ role: 'user', content: 5 }] }, { messages: many(100_001, user) }, { messages: ['x'] },
      { max_tokens: 0 }, { top_logprobs: 21 }, { tools: many(129, {}) }, { tools: ['f'] }, { tool_choice: 5 }, { response_format: {} }, { response_format: { type: 'xml' } },
      { metadata: Object.fromEntries(many(17, 0).map((_, place) => [`k${place}`, 'v'])) }, { metadata: { a: 1 } }, { metadata: { ['k'.repeat(65)]: 'v' } }, { metadata: { a: 'v'.repeat(513) } }, { seed: 1.5 }
    ]
  },
  {
    name: 'CompletionsBody',
    schema: CompletionsBody,
    least: { model: 'm' },
    taken: [...sampling.taken, { prompt: 'x' }, { prompt: ['a', 'b'] }, { prompt: [1, 2] }, { prompt: [[1], [2]] }, { prompt: null }, { best_of: 20, echo: true, logprobs: 5, max_tokens: 0, suffix: 's' }],
    refused: [...sampling.refused, { prompt: {} }, { prompt: [{}] }, { best_of: 21 }, { logprobs: 6 }, { max_tokens: -1 }]
  },
  {
    name: 'EmbeddingsBody',
    schema: EmbeddingsBody,
    least: { model: 'm', input: 'x' },
    taken: [{ input: many(2048, 'x') }, { input: many(8000, 7) }, { input: [many(8000, 7)] }, { encoding_format: 'base64' }, { encoding_format: 'float' }, { encoding_format: null }, { dimensions: 1 }, { user: 'u' }, { other: 1 }],
    refused: [{ input: many(2049, 'x') }, { input: many(2049, [1]) }, { input: [] }, { input: 7 }, { input: [true] }, { input: null }, { encoding_format: 'hex' }, { dimensions: 0 }]
  },
  {
    name: 'ModerationsBody',
    schema: ModerationsBody,
    least: { input: 'x' },
    taken: [{ model: 'm' }, { input: ['a', 'b'] }, { input: [{ type: 'text', text: 'x' }, { type: 'image_url', image_url: { url: 'https://a' } }] }],
    refused: [{ input: 7 }, { input: [7] }, { input: null }, { model: '' }]
  },
  {
    name: 'MessagesBody',
    schema: MessagesBody,
    least: { model: 'm', max_tokens: 5, messages: [user] },
    taken: [
      { max_tokens: 0 }, { system: 'x' }, { system: [{ type: 'text', text: 'x' }] }, { messages: [{ role: 'system', content: 'x' }, { role: 'assistant', content: [] }] }, { temperature: 1, top_p: 0.5, top_k: 0 },
      { tools: many(300, { name: 'f' }) }, { tool_choice: { type: 'any' } }, { thinking: { type: 'adaptive' } }, { output_config: { effort: 'low' } }, { metadata: { user_id: null } }, { stop_sequences: many(9, 'x') },
      { container: 'c' }, { container: { id: 'c' } }, { container: null }, { mcp_servers: [] }, { cache_control: null }, { betas: ['x'] }
    ],
    refused: [
      { max_tokens: -1 }, { max_tokens: null }, { max_tokens: '5' }, { messages: [] }, { messages: [{ role: 'tool', content: 'x' }] }, { messages: many(100_001, user) }, { temperature: 1.1 }, { top_k: -1 }, { system: 5 }, { system: ['x'] },
      { tools: many(10_000, { name: 'f' }) }, { tool_choice: 'auto' }, { thinking: {} }, { stop_sequences: 'x' }, { stop_sequences: [1] }, { metadata: { user_id: 5 } }, { stream: 1 }
    ]
  },
  {
    name: 'ResponsesBody',
    schema: ResponsesBody,
    least: { model: 'm', input: 'x' },
    taken: [
      { input: [{ role: 'user', content: 'x' }, { type: 'item_reference', id: 'i' }] }, { instructions: null }, { conversation: 'c' }, { conversation: { id: 'c' } }, { background: true, store: false }, { include: ['reasoning.encrypted_content'] },
      { tools: [{ type: 'web_search' }], tool_choice: { type: 'mcp' } }, { max_output_tokens: 16 }, { truncation: 'auto' }, { truncation: null }, { text: { format: { type: 'text' }, verbosity: null } }, { reasoning: { effort: null, summary: 'auto' } },
      { metadata: {} }, { prompt: { id: 'p' } }, { context_management: [{ type: 'compaction' }] }, { service_tier: 'scale' }, { max_tool_calls: 3 }, { future: true }
    ],
    refused: [{ input: 7 }, { input: ['x'] }, { max_output_tokens: 15 }, { tools: [{}] }, { tools: many(129, { type: 'function' }) }, { truncation: 'some' }, { temperature: 3 }, { top_logprobs: 21 }, { include: [1] }, { reasoning: { effort: 1 } }, { background: 'yes' }, { metadata: { a: 1 } }]
  }
]

for (const { name, schema, least, taken, refused } of surfaces) {
  const validate = ajv.compile(schema)
  test(`${name} takes what the vendor takes`, t => {
    for (const body of [{}, ...taken]) t.true(validate({ ...least, ...body }), JSON.stringify({ body: JSON.stringify(body).slice(0, 200), errors: validate.errors }))
  })
  test(`${name} refuses wrong types and values out of range`, t => {
    for (const body of refused) t.false(validate({ ...least, ...body }), JSON.stringify(body).slice(0, 200))
    for (const field of Object.keys(least)) {
      if (name === 'ResponsesBody' && field === 'input') continue // stored prompts need none
      t.false(validate({ ...least, [field]: undefined }), `without ${field}`)
    }
  })
}
