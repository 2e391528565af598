import test from 'ava'
import { mergeUsage, readMessageUsage, toChatUsage } from '../../../../lib/providers/anthropic/usage.ts'

test('anthropic usage: all input is the sum of the three kinds, the total is recomputed, cached is reads only (Portkey #1754, litellm #9812)', t => {
  const usage = readMessageUsage({
    input_tokens: 10, cache_creation_input_tokens: 300, cache_read_input_tokens: 200, cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 }, output_tokens: 50
  })!
  t.deepEqual(usage, { inputTokens: 510, cachedInputTokens: 200, outputTokens: 50, reasoningTokens: 0, cacheWriteTokens: 100, cacheWriteHourTokens: 200 })
  t.deepEqual(toChatUsage(usage), {
    prompt_tokens: 510, completion_tokens: 50, total_tokens: 560, prompt_tokens_details: { cached_tokens: 200, cache_write_tokens: 300 }, completion_tokens_details: { reasoning_tokens: 0 }
  })
})

test('anthropic usage: writes that are not split are for five minutes', t => {
  t.like(readMessageUsage({ input_tokens: 1, cache_creation_input_tokens: 7, output_tokens: 1 }), { inputTokens: 8, cacheWriteTokens: 7 })
})

test('anthropic usage: writes that are only told split count as well', t => {
  t.like(readMessageUsage({ input_tokens: 1, cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 7 }, output_tokens: 1 }), { inputTokens: 8, cacheWriteHourTokens: 7 })
})

test('anthropic usage: thinking is a part of the output, and the tier is told where it is not the default', t => {
  t.like(readMessageUsage({ input_tokens: 1, output_tokens: 50, output_tokens_details: { thinking_tokens: 30 }, service_tier: 'priority' }), { outputTokens: 50, reasoningTokens: 30, tier: 'priority' })
  t.is(readMessageUsage({ input_tokens: 1, output_tokens: 5, service_tier: 'standard' })!.tier, undefined)
  t.is(readMessageUsage({ input_tokens: 1, output_tokens: 5, output_tokens_details: { thinking_tokens: 30 } })!.reasoningTokens, 5)
})

test('anthropic usage: zero is a count and not a missing one (litellm #37992), what is no count is no usage', t => {
  t.like(readMessageUsage({ input_tokens: 0, output_tokens: 0 }), { inputTokens: 0, outputTokens: 0 })
  for (const wrong of [null, undefined, 7, {}, { input_tokens: -1, output_tokens: 1 }, { input_tokens: 1.5, output_tokens: 1 }, { input_tokens: 'x' }, { input_tokens: 2 ** 40, output_tokens: 1 }]) t.is(readMessageUsage(wrong), null)
})

test('anthropic usage: the counts at the end of a stream replace those at its start, where they are told', t => {
  const start = { input_tokens: 10, cache_creation_input_tokens: 4, cache_creation: { ephemeral_1h_input_tokens: 4 }, cache_read_input_tokens: 0, output_tokens: 1 }
  t.deepEqual(readMessageUsage(mergeUsage(start, { input_tokens: 25, cache_read_input_tokens: null, output_tokens: 90 })), {
    inputTokens: 29, cachedInputTokens: 0, outputTokens: 90, reasoningTokens: 0, cacheWriteHourTokens: 4
  })
  t.is(mergeUsage(start, null), start)
})
