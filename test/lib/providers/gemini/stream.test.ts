import test from 'ava'
import type { ChatChunk } from '../../../../lib/contracts/chat.ts'
import { createChatStream } from '../../../../lib/providers/gemini/stream.ts'
import { ProviderFailure } from '../../../../lib/providers/types.ts'

const text = (words: string, more: object = {}): object => ({ content: { parts: [{ text: words }], role: 'model' }, index: 0, ...more })
const usageMetadata = { promptTokenCount: 8, candidatesTokenCount: 5, thoughtsTokenCount: 2, totalTokenCount: 15 }

/** Pushes answers with these candidates and ends the stream. */
function streamed (...payloads: object[]): ChatChunk[] {
  const stream = createChatStream('gemini-3-flash', 1_700_000_000)
  return [...payloads.flatMap(payload => stream.push(payload as Record<string, unknown>)), ...stream.end()]
}

function reasonsOf (chunks: readonly ChatChunk[]): Array<string | null> {
  return chunks.map(chunk => chunk.choices[0]!.finish_reason)
}

test('gemini stream: the role first, then text, finish_reason once and last', t => {
  const chunks = streamed(
    { candidates: [text('Hel')], modelVersion: 'gemini-3-flash-001', responseId: 'r1' },
    { candidates: [text('lo', { finishReason: 'STOP' })], usageMetadata, modelVersion: 'gemini-3-flash-001', responseId: 'r1' }
  )
  const head = { id: 'chatcmpl-r1', object: 'chat.completion.chunk', created: 1_700_000_000, model: 'gemini-3-flash-001' }
  t.deepEqual(chunks as unknown[], [
    { ...head, choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] },
    { ...head, choices: [{ index: 0, delta: { content: 'Hel' }, finish_reason: null }] },
    { ...head, choices: [{ index: 0, delta: { content: 'lo' }, finish_reason: null }] },
    { ...head, choices: [{ index: 0, delta: {}, finish_reason: 'stop', native_finish_reason: 'STOP' }] }
  ])
})

test('gemini stream: a finishReason in every event is told once (litellm #31634, #2195)', t => {
  const chunks = streamed(...['a', 'b', 'c'].map(words => ({ candidates: [text(words, { finishReason: 'STOP' })] })))
  t.deepEqual(reasonsOf(chunks), [null, null, null, null, 'stop'])
})

test('gemini stream: a finishReason in a later event without content still is tool_calls (litellm #21041, #21577)', t => {
  const chunks = streamed(
    { candidates: [{ content: { parts: [{ functionCall: { name: 'f', args: { a: 1 } } }] }, index: 0 }] },
    { candidates: [{ finishReason: 'STOP', index: 0 }] }
  )
  t.deepEqual(reasonsOf(chunks), [null, null, 'tool_calls'])
})

test('gemini stream: parallel calls in several events are counted on, each whole with id, name and arguments (litellm #15884)', t => {
  const call = (name: string, more: object = {}): object => ({ candidates: [{ content: { parts: [{ functionCall: { name }, ...more }] }, index: 0 }] })
  const chunks = streamed(call('f', { thoughtSignature: 'c2ln' }), call('g'), { candidates: [{ finishReason: 'STOP' }] })
  const deltas = chunks.flatMap(chunk => chunk.choices[0]?.delta.tool_calls ?? [])
  t.like(deltas, [{ index: 0, type: 'function', function: { name: 'f', arguments: '{}' } }, { index: 1, type: 'function', function: { name: 'g', arguments: '{}' } }])
  t.regex(deltas[0]!.id!, /^call_[0-9a-f]{32}__sig_c2ln$/)
  t.deepEqual(deltas[0]!.extra_content, { google: { thought_signature: 'c2ln' } })
  t.regex(deltas[1]!.id!, /^call_[0-9a-f]{32}$/)
})

test('gemini stream: text after thoughts stays choice 0', t => {
  const chunks = streamed(
    { candidates: [{ content: { parts: [{ text: 'Hm.', thought: true }] }, index: 0 }] },
    { candidates: [text('Yes', { finishReason: 'STOP' })] }
  )
  t.deepEqual(chunks.map(chunk => chunk.choices[0]?.index), [0, 0, 0, 0])
  t.deepEqual(chunks.map(chunk => chunk.choices[0]?.delta).slice(1, 3), [{ reasoning_content: 'Hm.' }, { content: 'Yes' }])
})

test('gemini stream: an empty part that only carries a signature is no chunk', t => {
  const chunks = streamed({ candidates: [text('Yes')] }, { candidates: [{ content: { parts: [{ text: '', thoughtSignature: 'c2ln' }] }, finishReason: 'STOP', index: 0 }] })
  t.is(chunks.length, 3)
})

test('gemini stream: several candidates each begin and end', t => {
  const chunks = streamed(
    { candidates: [text('a'), { ...text('b'), index: 1 }] },
    { candidates: [{ finishReason: 'STOP', index: 0 }, { finishReason: 'MAX_TOKENS', index: 1 }] }
  )
  t.deepEqual(chunks.map(({ choices: [choice] }) => [choice!.index, choice!.finish_reason]), [[0, null], [0, null], [1, null], [1, null], [0, 'stop'], [1, 'length']])
})

test('gemini stream: the newest usage counts, thoughts in it, as a chunk without choices (litellm #8450)', t => {
  const stream = createChatStream('m', 0)
  t.is(stream.usageChunk(), null)
  stream.push({ candidates: [text('a')], usageMetadata: { promptTokenCount: 8, totalTokenCount: 8 }, responseId: 'r' })
  t.deepEqual(stream.usage(), { inputTokens: 8, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 })
  stream.push({ candidates: [text('b', { finishReason: 'STOP' })], usageMetadata })
  stream.push({ candidates: [text('c')] })
  stream.end()
  t.deepEqual(stream.usage(), { inputTokens: 8, cachedInputTokens: 0, outputTokens: 7, reasoningTokens: 2 })
  t.like(stream.usageChunk(), { id: 'chatcmpl-r', choices: [], usage: { prompt_tokens: 8, completion_tokens: 7, total_tokens: 15 } })
})

test('gemini stream: without a finishReason it is cut, not done (Portkey #741)', t => {
  const stream = createChatStream('m', 0)
  stream.push({ candidates: [text('a')], usageMetadata })
  const failure = t.throws(() => stream.end(), { instanceOf: ProviderFailure })
  t.like(failure, { class: { code: 'answer_cut', retryable: true }, partialUsage: { inputTokens: 8, outputTokens: 7 } })
})

test('gemini stream: one of two candidates without a finishReason is a cut', t => {
  const stream = createChatStream('m', 0)
  stream.push({ candidates: [text('a', { finishReason: 'STOP' }), { ...text('b'), index: 1 }] })
  t.like(t.throws(() => stream.end(), { instanceOf: ProviderFailure }), { class: { code: 'answer_cut' } })
})

test('gemini stream: one that said nothing at all is a cut', t => {
  t.like(t.throws(() => createChatStream('m', 0).end(), { instanceOf: ProviderFailure }), { class: { code: 'answer_cut' } })
})

test('gemini stream: a blocked prompt is a content_filter failure', t => {
  const failure = t.throws(() => streamed({ promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 8, totalTokenCount: 8 } }), { instanceOf: ProviderFailure })
  t.like(failure, { class: { code: 'content_filter', retryable: false }, partialUsage: { inputTokens: 8 } })
})

test('gemini stream: a call that the model failed to write is no clean end', t => {
  const failure = t.throws(() => streamed({ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', index: 0 }] }), { instanceOf: ProviderFailure })
  t.like(failure, { class: { code: 'answer_invalid', retryable: true } })
})
