import test from 'ava'
import { toChatCompletion } from '../../../../lib/providers/anthropic/response.ts'
import { created, message, text } from './_fixtures.ts'

test('anthropic response: a message becomes a chat completion with all of its keys', t => {
  t.deepEqual(toChatCompletion(message([text('Hello'), text(' there')]), created), {
    id: 'chatcmpl-msg_01XFDUDYJgAACzvnptvVoYEL',
    object: 'chat.completion',
    created,
    model: 'claude-sonnet-5',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello there', refusal: null }, logprobs: null, finish_reason: 'stop' }],
    usage: { prompt_tokens: 12, completion_tokens: 6, total_tokens: 18, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 0 } },
    service_tier: 'default'
  })
})

test('anthropic response: calls have their arguments as JSON text, "{}" when there are none (litellm #5064)', t => {
  const { choices: [choice] } = toChatCompletion(message([
    text('Looking.'), { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Oslo' } }, { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} }
  ], { stop_reason: 'tool_use' }), created)
  t.is(choice!.finish_reason, 'tool_calls')
  t.is(choice!.message.content, 'Looking.')
  t.deepEqual(choice!.message.tool_calls, [
    { id: 'toolu_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
    { id: 'toolu_2', type: 'function', function: { name: 'now', arguments: '{}' } }
  ])
})

test('anthropic response: thinking comes out as text and as signed blocks, and its answer is still choice 0', t => {
  const { choices } = toChatCompletion(message([
    { type: 'thinking', thinking: 'Hm.', signature: 'sig' }, { type: 'redacted_thinking', data: 'xyz' }, text('Yes.')
  ]), created)
  t.is(choices.length, 1)
  t.is(choices[0]!.index, 0)
  t.deepEqual(choices[0]!.message, {
    role: 'assistant',
    content: 'Yes.',
    refusal: null,
    reasoning_content: 'Hm.',
    thinking_blocks: [{ type: 'thinking', thinking: 'Hm.', signature: 'sig' }, { type: 'redacted_thinking', data: 'xyz' }]
  })
})

const reasons: ReadonlyArray<readonly [stopReason: string | null, finishReason: string]> = [
  ['end_turn', 'stop'], ['stop_sequence', 'stop'], ['pause_turn', 'stop'], ['max_tokens', 'length'], ['model_context_window_exceeded', 'length'],
  ['refusal', 'content_filter'], ['MAX_TOKENS', 'stop'], ['constructor', 'stop'], [null, 'stop']
]
for (const [stopReason, finishReason] of reasons) {
  test(`anthropic response: stop reason ${stopReason ?? 'null'} is finish reason ${finishReason} (Portkey #1200)`, t => {
    t.is(toChatCompletion(message([text('x')], { stop_reason: stopReason }), created).choices[0]!.finish_reason, finishReason as 'stop')
  })
}

test('anthropic response: an answer with calls finishes with tool_calls even when it says end_turn, but a cut one does not', t => {
  const call = { type: 'tool_use', id: 'a', name: 'b', input: {} }
  t.is(toChatCompletion(message([call], { stop_reason: 'end_turn' }), created).choices[0]!.finish_reason, 'tool_calls')
  t.is(toChatCompletion(message([call], { stop_reason: 'max_tokens' }), created).choices[0]!.finish_reason, 'length')
})

test('anthropic response: a refusal says why where the provider does', t => {
  const { choices: [choice] } = toChatCompletion(message([], { stop_reason: 'refusal', stop_details: { explanation: 'No.' } }), created)
  t.like(choice!.message, { content: null, refusal: 'No.' })
})

test('anthropic response: blocks of unknown types and null content are no failure', t => {
  t.is(toChatCompletion(message([{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }, text('x')]), created).choices[0]!.message.content, 'x')
  t.is(toChatCompletion({ content: null }, created).choices[0]!.message.content, null)
})
