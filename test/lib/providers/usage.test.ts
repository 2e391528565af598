import test from 'ava'
import { readUsage } from '../../../lib/providers/usage.ts'

const base = { inputTokens: 100, cachedInputTokens: 0, outputTokens: 50, reasoningTokens: 0 }
const chat = (more: object): object => ({ prompt_tokens: 100, completion_tokens: 50, ...more })
const cases: [string, object, string | undefined, object][] = [
  ['written to the cache', chat({ prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 30 } }), undefined, { cachedInputTokens: 60, cacheWriteTokens: 30 }],
  ['written in responses', { input_tokens: 100, output_tokens: 50, input_tokens_details: { cached_tokens: 0, cache_write_tokens: 100 } }, undefined, { cacheWriteTokens: 100 }],
  ['more cached and written than there is', chat({ prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 41 } }), undefined, { cachedInputTokens: 60 }],
  ['audio in and out', chat({ prompt_tokens_details: { audio_tokens: 20, cached_tokens: 15, cached_tokens_details: { audio_tokens: 10 } }, completion_tokens_details: { audio_tokens: 40 } }), undefined,
    { cachedInputTokens: 15, inputAudioTokens: 20, cachedAudioTokens: 10, outputAudioTokens: 40 }],
  ['cached audio that is not of the audio', chat({ prompt_tokens_details: { audio_tokens: 5, cached_tokens: 15, cached_tokens_details: { audio_tokens: 10 } } }), undefined,
    { cachedInputTokens: 15, inputAudioTokens: 5 }],
  ['images in and out', { input_tokens: 100, output_tokens: 50, input_tokens_details: { image_tokens: 70, text_tokens: 30 }, output_tokens_details: { image_tokens: 50 } }, undefined,
    { inputImageTokens: 70, outputImageTokens: 50 }],
  ['audio and images that are more than all', chat({ prompt_tokens_details: { audio_tokens: 60, image_tokens: 41 } }), undefined, { inputAudioTokens: 60 }],
  ['hits of DeepSeek\'s cache', chat({ prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 }), undefined, { cachedInputTokens: 64 }],
  ['reasoning inside the completion', chat({ total_tokens: 150, completion_tokens_details: { reasoning_tokens: 40 } }), undefined, { reasoningTokens: 40 }],
  ['reasoning beside the completion', chat({ total_tokens: 190, completion_tokens_details: { reasoning_tokens: 40 } }), undefined, { outputTokens: 90, reasoningTokens: 40 }],
  ['reasoning beside, more than the completion', chat({ total_tokens: 450, completion_tokens_details: { reasoning_tokens: 300 } }), undefined, { outputTokens: 350, reasoningTokens: 300 }],
  ['a total that fits nothing', chat({ total_tokens: 5, completion_tokens_details: { reasoning_tokens: 300 } }), undefined, {}],
  ['the flex tier', chat({}), 'flex', { tier: 'flex' }],
  ['the priority tier', chat({}), 'priority', { tier: 'priority' }],
  ['the default tier', chat({}), 'default', {}],
  ['details that are no counts', chat({ prompt_tokens_details: { audio_tokens: -1, image_tokens: 'x', cached_tokens_details: 7, cache_write_tokens: 1.5 }, completion_tokens_details: { audio_tokens: null } }), undefined, {}]
]
for (const [name, usage, tier, more] of cases) {
  test(`usage is accounted: ${name}`, t => { t.deepEqual(readUsage(usage, tier) as object, { ...base, ...more }) })
}
