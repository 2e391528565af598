import test from 'ava'
import type { ChatCompletion } from '../../../../lib/contracts/chat.ts'
import { finishReason } from '../../../../lib/providers/gemini/finish-reason.ts'
import { toChatCompletion } from '../../../../lib/providers/gemini/response.ts'
import { readToolCallId } from '../../../../lib/providers/gemini/tool-call-id.ts'
import { ProviderFailure } from '../../../../lib/providers/types.ts'

const usageMetadata = { promptTokenCount: 8, candidatesTokenCount: 5, totalTokenCount: 13 }

function completed (...candidates: object[]): ChatCompletion {
  return toChatCompletion({ candidates, usageMetadata, modelVersion: 'gemini-3-flash-001', responseId: 'r1' }, 'gemini-3-flash', 1_700_000_000).completion
}

test('gemini response: text with its usage, id and model', t => {
  const { completion, usage } = toChatCompletion({
    candidates: [{ content: { parts: [{ text: 'Hel' }, { text: 'lo' }], role: 'model' }, finishReason: 'STOP', index: 0 }],
    usageMetadata,
    modelVersion: 'gemini-3-flash-001',
    responseId: 'r1'
  }, 'gemini-3-flash', 1_700_000_000)
  t.deepEqual(completion, {
    id: 'chatcmpl-r1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'gemini-3-flash-001',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello', refusal: null }, finish_reason: 'stop', logprobs: null, native_finish_reason: 'STOP' }],
    usage: {
      prompt_tokens: 8,
      completion_tokens: 5,
      total_tokens: 13,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 }
    }
  })
  t.deepEqual(usage, { inputTokens: 8, cachedInputTokens: 0, outputTokens: 5, reasoningTokens: 0 })
})

test('gemini response: thoughts are reasoning_content, and the text stays choice 0', t => {
  const { choices } = completed({ content: { parts: [{ text: 'Hm.', thought: true }, { text: 'Yes' }] }, finishReason: 'STOP' })
  t.like(choices, [{ index: 0, message: { content: 'Yes', reasoning_content: 'Hm.' } }])
  t.is(choices.length, 1)
})

test('gemini response: STOP with a call is tool_calls, a call without arguments has {} (litellm #21041, #5064)', t => {
  const { choices } = completed({ content: { parts: [{ functionCall: { id: 'g1', name: 'now' } }] }, finishReason: 'STOP' })
  t.is(choices[0]?.finish_reason, 'tool_calls')
  t.deepEqual(choices[0]?.message, {
    role: 'assistant', content: null, refusal: null, tool_calls: [{ id: 'g1', type: 'function', function: { name: 'now', arguments: '{}' } }]
  })
})

test('gemini response: parallel calls have ids of their own, also where Gemini gives none or one twice', t => {
  const { choices } = completed({
    content: { parts: [{ functionCall: { name: 'f', args: { a: 1 } } }, { functionCall: { name: 'f', args: { a: 2 } } }, { functionCall: { id: 'g', name: 'f' } }, { functionCall: { id: 'g', name: 'f' } }] },
    finishReason: 'STOP'
  })
  const ids = choices[0]!.message.tool_calls!.map(({ id }) => id)
  t.is(new Set(ids).size, 4)
  t.regex(ids[0]!, /^call_[0-9a-f]{32}$/)
  t.is(ids[2], 'g')
  t.regex(ids[3]!, /^call_[0-9a-f]{32}$/)
})

test('gemini response: a thought signature goes out in extra_content and in the id (litellm #25322)', t => {
  const signature = 'AVSo/Rk+Zw=='
  const { choices } = completed({ content: { parts: [{ functionCall: { id: 'g', name: 'f' }, thoughtSignature: signature }] }, finishReason: 'STOP' })
  const [call] = choices[0]!.message.tool_calls!
  t.deepEqual(call?.extra_content, { google: { thought_signature: signature } })
  t.regex(call!.id, /^[A-Za-z0-9_-]+$/)
  t.deepEqual(readToolCallId(call!.id), { id: 'g', signature })
})

const reasons: ReadonlyArray<readonly [reason: string, calledTools: boolean, expected: string]> = [
  ['STOP', false, 'stop'], ['STOP', true, 'tool_calls'], ['MAX_TOKENS', false, 'length'], ['MAX_TOKENS', true, 'length'], ['CONTINUATION', false, 'length'],
  ...['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'IMAGE_SAFETY', 'IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION', 'LANGUAGE']
    .map(reason => [reason, false, 'content_filter'] as const),
  ['SAFETY', true, 'content_filter'], ['OTHER', false, 'stop'], ['NO_IMAGE', false, 'stop'], ['A_WORD_OF_NEXT_YEAR', false, 'stop'], ['A_WORD_OF_NEXT_YEAR', true, 'tool_calls']
]
for (const [reason, calledTools, expected] of reasons) {
  test(`gemini response: finish reason ${reason}${calledTools ? ' with calls' : ''} is ${expected} (Portkey #1200)`, t => {
    t.is(finishReason(reason, calledTools), expected as never)
  })
}

for (const reason of ['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS']) {
  test(`gemini response: an empty ${reason} is no answer, and its usage is known`, t => {
    const failure = t.throws(() => completed({ finishReason: reason }), { instanceOf: ProviderFailure })
    t.like(failure, { class: { code: 'answer_invalid', retryable: true }, partialUsage: { inputTokens: 8, outputTokens: 5 } })
  })
}

test('gemini response: a blocked prompt is a content_filter failure that nobody repeats', t => {
  const failure = t.throws(() => toChatCompletion({ promptFeedback: { blockReason: 'PROHIBITED_CONTENT' }, usageMetadata: { promptTokenCount: 8, totalTokenCount: 8 } }, 'm', 0), {
    instanceOf: ProviderFailure
  })
  t.like(failure, { class: { code: 'content_filter', retryable: false }, partialUsage: { inputTokens: 8, outputTokens: 0 } })
  t.true(failure?.message.includes('PROHIBITED_CONTENT'))
})

test('gemini response: an answer cut off by the filter keeps what there is', t => {
  const { choices } = completed({ content: { parts: [{ text: 'Once' }] }, finishReason: 'SAFETY' })
  t.like(choices[0], { message: { content: 'Once' }, finish_reason: 'content_filter' })
})

for (const [name, answer] of [['no candidates', {}], ['candidates that are none', { candidates: [null, 'x'] }]] as const) {
  test(`gemini response: ${name} is an invalid answer`, t => {
    t.like(t.throws(() => toChatCompletion(answer, 'm', 0), { instanceOf: ProviderFailure }), { class: { code: 'answer_invalid' } })
  })
}

test('gemini response: parts of other shapes are passed over', t => {
  const { choices } = completed({ content: { parts: [null, 5, { text: 7 }, { executableCode: {} }, { text: 'ok' }] }, finishReason: 'STOP' })
  t.is(choices[0]?.message.content, 'ok')
  t.is(completed({ content: 'x', finishReason: 'STOP' }).choices[0]?.message.content, '')
})

test('gemini response: several candidates are several choices', t => {
  const { choices } = completed({ content: { parts: [{ text: 'a' }] }, finishReason: 'STOP', index: 0 }, { content: { parts: [{ text: 'b' }] }, finishReason: 'MAX_TOKENS', index: 1 })
  t.like(choices, [{ index: 0, message: { content: 'a' } }, { index: 1, message: { content: 'b' }, finish_reason: 'length' }])
})

test('gemini response: logprobs as OpenAI spells them', t => {
  const { choices } = completed({
    content: { parts: [{ text: 'é' }] },
    finishReason: 'STOP',
    logprobsResult: { chosenCandidates: [{ token: 'é', logProbability: -0.5 }], topCandidates: [{ candidates: [{ token: 'é', logProbability: -0.5 }, { token: 'e', logProbability: -1 }] }] }
  })
  t.deepEqual(choices[0]?.logprobs, {
    content: [{
      token: 'é',
      logprob: -0.5,
      bytes: [195, 169],
      top_logprobs: [{ token: 'é', logprob: -0.5, bytes: [195, 169] }, { token: 'e', logprob: -1, bytes: [101] }]
    }],
    refusal: null
  })
})
