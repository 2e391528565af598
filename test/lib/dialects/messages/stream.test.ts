import test from 'ava'
import { createMessagesStream, chatToMessage } from '../../../../lib/dialects/messages/index.ts'
import { answers, chunksOf, completionOf, usage } from '../_answers.ts'
import { fold } from './_fold.ts'

function streamed (chunks: readonly string[]) {
  const stream = createMessagesStream('public')
  return [...chunks.flatMap(chunk => stream.push(chunk)), ...stream.end(usage)]
}

/** A stream's message_delta has no cache_creation: the kinds of what was written to the cache. */
function withoutCreation (message: object): object {
  const { usage, ...rest } = message as { usage: Record<string, unknown> }
  const { cache_creation: _, ...told } = usage
  return { ...rest, usage: told }
}

function chunk (delta: object, finish: string | null = null): string {
  return JSON.stringify({ id: 'chatcmpl-42', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })
}

for (const answer of answers) {
  test(`a message streamed and whole are the same: ${answer.title}`, t => {
    const whole = withoutCreation(chatToMessage(completionOf(answer), 'public', usage))
    for (let seed = 1; seed <= 20; seed++) {
      for (const interleaved of [false, true]) t.deepEqual(withoutCreation(fold(streamed(chunksOf(answer, seed, { interleaved })))), whole)
    }
  })
}

test('a message stream shows text, thoughts and the arguments of calls as they come', t => {
  const stream = createMessagesStream('public')
  const push = (delta: object) => stream.push(chunk(delta)).map(event => JSON.parse(event.data) as Record<string, unknown>)
  t.deepEqual(push({ role: 'assistant', content: '' }).map(event => event.type), ['message_start'])
  t.deepEqual(push({ reasoning_content: 'hm' }).at(-1), { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm' } })
  t.deepEqual(push({ content: 'a' }).map(event => event.type), ['content_block_stop', 'content_block_start', 'content_block_delta'])
  t.deepEqual(push({ content: 'b' }), [{ type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'b' } }])
  push({ tool_calls: [{ index: 0, id: 'c0', function: { name: 'f', arguments: '' } }] })
  t.deepEqual(push({ tool_calls: [{ index: 0, function: { arguments: '{"a"' } }] }), [{ type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"a"' } }])
  push({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] })
  t.deepEqual(push({ tool_calls: [{ index: 1, id: 'c1', function: { name: 'g', arguments: '' } }] }).map(event => event.type), ['content_block_stop', 'content_block_start'], 'the next call begins when the one before is whole')
  t.deepEqual(push({ tool_calls: [{ index: 1, function: { arguments: '{' } }] }), [{ type: 'content_block_delta', index: 3, delta: { type: 'input_json_delta', partial_json: '{' } }])
})

test('a message stream tells usage at its end in Anthropic\'s accounting', t => {
  const delta = streamed(chunksOf(answers[0]!, 1)).find(event => event.name === 'message_delta')
  const told = (JSON.parse(delta!.data) as { usage: Record<string, unknown> }).usage
  t.deepEqual(told, { input_tokens: 53, cache_creation_input_tokens: 17, cache_read_input_tokens: 30, output_tokens: 20, output_tokens_details: { thinking_tokens: 5 }, server_tool_use: null })
})

test('a message stream keeps text that comes amid calls, after them', t => {
  const message = fold(streamed([
    chunk({ tool_calls: [{ index: 0, id: 'c0', function: { name: 'f', arguments: '{"a"' } }] }),
    chunk({ content: 'by the way' }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }, 'tool_calls')
  ]))
  t.deepEqual(message.content, [{ type: 'tool_use', id: 'c0', name: 'f', input: { a: 1 } }, { type: 'text', text: 'by the way', citations: null }])
})

test('a message stream makes up the ids and indexes of calls that a vendor leaves out', t => {
  const message = fold(streamed([
    chunk({ tool_calls: [{ id: 'c0', function: { name: 'f', arguments: '{"a"' } }] }),
    chunk({ tool_calls: [{ function: { arguments: ':1}' } }] }),
    chunk({ tool_calls: [{ id: 'c1', function: { name: 'g', arguments: '{}' } }] }),
    chunk({ tool_calls: [{ index: 7, function: { name: 'h', arguments: '{}' } }] }, 'tool_calls')
  ]))
  t.deepEqual((message.content as Array<{ id: string, name: string, input: object }>).map(({ id, name, input }) => ({ id, name, input })), [
    { id: 'c0', name: 'f', input: { a: 1 } }, { id: 'c1', name: 'g', input: {} }, { id: 'toolu_42_2', name: 'h', input: {} }
  ])
})

test('a message stream takes thinking that comes in pieces of blocks', t => {
  const message = fold(streamed([
    chunk({ thinking_blocks: [{ type: 'thinking', thinking: 'the ' }] }),
    chunk({ thinking_blocks: [{ type: 'thinking', thinking: 'the ' }] }),
    chunk({ thinking_blocks: [{ type: 'thinking', thinking: '', signature: 'c2ln' }] }),
    chunk({ content: 'ok' }, 'stop')
  ]))
  t.deepEqual((message.content as unknown[])[0], { type: 'thinking', thinking: 'the the ', signature: 'c2ln' })
})

test('a message stream ignores other choices and chunks without any', t => {
  const other = JSON.stringify({ id: 'chatcmpl-42', choices: [{ index: 1, delta: { content: 'no' }, finish_reason: null }] })
  const none = JSON.stringify({ id: 'chatcmpl-42', choices: [] })
  t.deepEqual(fold(streamed([other, none, chunk({ content: 'yes' }, 'stop')])).content, [{ type: 'text', text: 'yes', citations: null }])
})
