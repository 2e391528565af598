import test from 'ava'
import { chatToMessage, messagesError } from '../../../../lib/dialects/messages/index.ts'
import { completionOf } from '../_answers.ts'

const call = (args: string) => ({ tool_calls: [{ id: 'c', type: 'function' as const, function: { name: 'f', arguments: args } }] })

test('a completion becomes a message with every key of Anthropic\'s shape', t => {
  t.deepEqual(chatToMessage(completionOf({ title: '', message: { reasoning_content: 'Hm.', content: 'Yes', ...call('{"a":1}') }, finish: 'tool_calls' }), 'public'), {
    id: 'msg_42', type: 'message', role: 'assistant', model: 'public',
    content: [{ type: 'thinking', thinking: 'Hm.', signature: '' }, { type: 'text', text: 'Yes', citations: null }, { type: 'tool_use', id: 'c', name: 'f', input: { a: 1 } }],
    stop_reason: 'tool_use', stop_sequence: null, stop_details: null, container: null, diagnostics: null,
    usage: {
      input_tokens: 70, cache_creation_input_tokens: 0, cache_read_input_tokens: 30, cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
      output_tokens: 20, output_tokens_details: { thinking_tokens: 5 }, server_tool_use: null, service_tier: 'standard', inference_geo: null, speed: null
    }
  })
})

test('each end of a completion has its stop reason', t => {
  const reason = (message: object, finish: 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'function_call') => chatToMessage(completionOf({ title: '', message, finish }), 'm').stop_reason
  t.is(reason({ content: 'x' }, 'stop'), 'end_turn')
  t.is(reason({ content: 'x' }, 'length'), 'max_tokens')
  t.is(reason(call('{}'), 'tool_calls'), 'tool_use')
  t.is(reason(call('{}'), 'stop'), 'tool_use')
  t.is(reason(call('{"a"'), 'length'), 'max_tokens')
  t.is(reason({ content: 'x' }, 'content_filter'), 'refusal')
  t.is(reason({ refusal: 'no' }, 'stop'), 'refusal')
})

test('arguments that are no JSON object are the provider\'s fault, unless the answer was cut', t => {
  for (const args of ['{"a"', '[1]', '7', 'null']) t.like(t.throws(() => chatToMessage(completionOf({ title: '', message: call(args), finish: 'tool_calls' }), 'm')), { code: 'upstream_error' })
  t.like(chatToMessage(completionOf({ title: '', message: call('{"a"'), finish: 'length' }), 'm').content[0], { input: {} })
})

const kinds: ReadonlyArray<readonly [code: string, status: number, type: string]> = [
  ['invalid_parameter', 400, 'invalid_request_error'], ['invalid_api_key', 401, 'authentication_error'], ['insufficient_scope', 403, 'permission_error'],
  ['model_not_found', 404, 'not_found_error'], ['state_conflict', 409, 'invalid_request_error'], ['payload_too_large', 413, 'request_too_large'],
  ['rate_limit_exceeded', 429, 'rate_limit_error'], ['budget_exceeded', 429, 'billing_error'], ['internal_error', 500, 'api_error'], ['upstream_error', 502, 'api_error'],
  ['unavailable', 503, 'overloaded_error'], ['upstream_timeout', 504, 'timeout_error']
]
test('each error has its type in Anthropic\'s envelope', t => {
  for (const [code, status, type] of kinds) {
    t.deepEqual(messagesError(code, 'Why.', status, 'req_1'), { type: 'error', error: { type, message: 'Why.', code }, request_id: 'req_1' })
  }
})
