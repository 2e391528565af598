import test from 'ava'
import { chatToResponse, responseObject } from '../../../../lib/dialects/responses/index.ts'
import { answers, completionOf, usage } from '../_answers.ts'
import { contextOf } from './_context.ts'

const notNull = [
  'temperature', 'top_p', 'presence_penalty', 'frequency_penalty', 'top_logprobs', 'truncation', 'tool_choice', 'tools', 'parallel_tool_calls', 'store', 'background', 'service_tier'
]
const nullable = [
  'completed_at', 'error', 'incomplete_details', 'instructions', 'max_output_tokens', 'max_tool_calls', 'previous_response_id', 'prompt_cache_key', 'safety_identifier', 'usage', 'user'
]

test('a response has every key of the specification, and those that must not be null are not', t => {
  const response: Record<string, unknown> = chatToResponse({ ...contextOf(), completion: completionOf(answers[0]!), usage: null })
  for (const key of notNull) t.not(response[key] ?? null, null, key)
  for (const key of nullable) t.true(key in response, key)
  t.like(response, { temperature: 1, top_p: 1, truncation: 'disabled', tool_choice: 'auto', store: true, background: false, service_tier: 'default', status: 'completed', completed_at: 1_700_000_009 })
})

test('a response repeats what was asked', t => {
  const request = {
    temperature: 0.2, top_p: 0.9, metadata: { a: 'b' }, instructions: 'Be brief.', max_output_tokens: 64, parallel_tool_calls: false, store: false, previous_response_id: 'resp_0', user: 'u',
    tools: [{ type: 'function', name: 'f' }], tool_choice: 'required', reasoning: { effort: 'low' }, text: { verbosity: 'low' }, service_tier: 'flex'
  }
  t.like(chatToResponse({ ...contextOf(request), completion: completionOf(answers[0]!), usage }), {
    ...request,
    tools: [{ type: 'function', name: 'f', description: null, parameters: null, strict: false }],
    reasoning: { effort: 'low', summary: null },
    text: { format: { type: 'text' }, verbosity: 'low' }
  })
})

test('a response counts tokens as OpenAI does', t => {
  t.deepEqual(chatToResponse({ ...contextOf(), completion: completionOf(answers[0]!), usage }).usage, {
    input_tokens: 100, input_tokens_details: { cached_tokens: 30, cache_write_tokens: 17 }, output_tokens: 20, output_tokens_details: { reasoning_tokens: 5 }, total_tokens: 120
  })
})

test('a response that waits, or came to nothing, has no output', t => {
  t.like(responseObject(contextOf({ background: true }), { status: 'queued' }), { status: 'queued', background: true, output: [], completed_at: null, usage: null })
})

test('an answer without a choice is the provider\'s fault', t => {
  const error = t.throws(() => chatToResponse({ ...contextOf(), completion: { ...completionOf(answers[0]!), choices: [] }, usage }))
  t.like(error, { code: 'upstream_error' })
})
