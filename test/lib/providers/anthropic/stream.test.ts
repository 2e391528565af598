import test from 'ava'
import { block, callsOf, created, run, streamed } from './_fixtures.ts'

const hello = block(0, { type: 'text', text: '' }, [{ type: 'text_delta', text: 'Hel' }, { type: 'text_delta', text: 'lo' }])

test('anthropic stream: the role comes first, the finish reason once and last, nothing for a ping', t => {
  const { chunks, stream } = run(streamed([{ type: 'ping' }, ...hello]))
  t.deepEqual(chunks.map(chunk => chunk.choices[0]!.delta), [{ role: 'assistant', content: '' }, { content: 'Hel' }, { content: 'lo' }, {}])
  t.deepEqual(chunks.map(chunk => chunk.choices[0]!.finish_reason), [null, null, null, 'stop'])
  t.deepEqual(chunks[1], {
    id: 'chatcmpl-msg_01XFDUDYJgAACzvnptvVoYEL', object: 'chat.completion.chunk', created, model: 'claude-sonnet-5',
    choices: [{ index: 0, delta: { content: 'Hel' }, logprobs: null, finish_reason: null }]
  })
  t.true(stream.ended)
  t.deepEqual(stream.push({ type: 'message_stop' }), [])
})

test('anthropic stream: the last chunk has no choices but the usage of the whole, input from the start and output from the end (litellm #8450)', t => {
  const { stream } = run(streamed(hello, 'end_turn', { input_tokens: null, output_tokens: 60, output_tokens_details: { thinking_tokens: 20 } }))
  t.deepEqual(stream.end()!.choices, [])
  t.deepEqual(stream.end()!.usage, {
    prompt_tokens: 12, completion_tokens: 60, total_tokens: 72, prompt_tokens_details: { cached_tokens: 0 }, completion_tokens_details: { reasoning_tokens: 20 }
  })
})

test('anthropic stream: a call is named in its first delta with an index that counts calls (litellm #15884), its arguments follow', t => {
  const { chunks } = run(streamed([
    ...hello,
    ...block(1, { type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} }, ['', '{"ci', 'ty":"Oslo"}'].map(text => ({ type: 'input_json_delta', partial_json: text }))),
    ...block(2, { type: 'tool_use', id: 'toolu_2', name: 'time', input: {} }, [{ type: 'input_json_delta', partial_json: '{"zone":1}' }])
  ], 'tool_use'))
  t.deepEqual(chunks[3]!.choices[0]!.delta.tool_calls, [{ index: 0, id: 'toolu_1', type: 'function', function: { name: 'weather', arguments: '' } }])
  t.deepEqual(chunks[4]!.choices[0]!.delta.tool_calls, [{ index: 0, function: { arguments: '{"ci' } }])
  t.deepEqual(callsOf(chunks), [{ id: 'toolu_1', name: 'weather', arguments: '{"city":"Oslo"}' }, { id: 'toolu_2', name: 'time', arguments: '{"zone":1}' }])
  t.deepEqual(chunks.flatMap(chunk => chunk.choices[0]!.finish_reason ?? []), ['tool_calls'])
})

test('anthropic stream: a call without arguments adds up to "{}", not to nothing (litellm #5064)', t => {
  for (const deltas of [[], [{ type: 'input_json_delta', partial_json: '' }]]) {
    t.deepEqual(callsOf(run(streamed(block(0, { type: 'tool_use', id: 'a', name: 'now', input: {} }, deltas), 'tool_use')).chunks), [{ id: 'a', name: 'now', arguments: '{}' }])
  }
})

test('anthropic stream: a call whose input is whole at its start keeps it (litellm #25321)', t => {
  const { chunks } = run(streamed(block(0, { type: 'tool_use', id: 'a', name: 'weather', input: { city: 'Oslo' } }), 'tool_use'))
  t.is(callsOf(chunks)[0]!.arguments, '{"city":"Oslo"}')
})

test('anthropic stream: thinking comes as text, then as a signed block; the text after it is still choice 0', t => {
  const { chunks } = run(streamed([
    ...block(0, { type: 'thinking', thinking: '', signature: '' }, [{ type: 'thinking_delta', thinking: 'H' }, { type: 'thinking_delta', thinking: 'm' }, { type: 'signature_delta', signature: 'sig' }]),
    ...block(1, { type: 'redacted_thinking', data: 'xyz' }),
    ...block(2, { type: 'text', text: '' }, [{ type: 'text_delta', text: 'Yes' }])
  ]))
  t.deepEqual(chunks.slice(1, -1).map(chunk => chunk.choices[0]!.delta), [
    { reasoning_content: 'H' }, { reasoning_content: 'm' }, { thinking_blocks: [{ type: 'thinking', thinking: 'Hm', signature: 'sig' }] },
    { thinking_blocks: [{ type: 'redacted_thinking', data: 'xyz' }] }, { content: 'Yes' }
  ])
  t.true(chunks.every(chunk => chunk.choices[0]!.index === 0))
})

test('anthropic stream: reasons to stop are a closed list', t => {
  for (const [reason, finish] of [['max_tokens', 'length'], ['refusal', 'content_filter'], ['SOMETHING_NEW', 'stop'], [null, 'stop']] as const) {
    t.is(run(streamed(hello, reason)).chunks.at(-1)!.choices[0]!.finish_reason, finish)
  }
})

test('anthropic stream: without message_stop there is no finish reason, and what was told of usage stays', t => {
  const { chunks, stream } = run(streamed(hello).slice(0, -1))
  t.false(stream.ended)
  t.true(chunks.every(chunk => chunk.choices[0]!.finish_reason === null))
  t.like(stream.usage(), { inputTokens: 12, outputTokens: 6 })
})

test('anthropic stream: events and blocks of unknown types are passed over', t => {
  const { chunks } = run(streamed([
    { type: 'something_new' },
    ...block(0, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }, [{ type: 'input_json_delta', partial_json: '{"query":"x"}' }]),
    ...block(1, { type: 'text', text: '' }, [{ type: 'text_delta', text: 'x' }, { type: 'citations_delta' }])
  ]))
  t.deepEqual(chunks.slice(1, -1).map(chunk => chunk.choices[0]!.delta), [{ content: 'x' }])
})
