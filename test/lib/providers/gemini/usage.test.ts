import test from 'ava'
import type { Usage } from '../../../../lib/contracts/prices.ts'
import { chatUsage, readGeminiUsage } from '../../../../lib/providers/gemini/usage.ts'

const modality = (name: string, tokenCount: number): object => ({ modality: name, tokenCount })

const cases: ReadonlyArray<readonly [name: string, metadata: unknown, usage: Usage | null]> = [
  ['prompt and candidates', { promptTokenCount: 8, candidatesTokenCount: 5, totalTokenCount: 13 }, { inputTokens: 8, cachedInputTokens: 0, outputTokens: 5, reasoningTokens: 0 }],
  [
    'thoughts are output beside the candidates (langchainjs #11423)',
    { promptTokenCount: 8, candidatesTokenCount: 5, thoughtsTokenCount: 335, totalTokenCount: 348 },
    { inputTokens: 8, cachedInputTokens: 0, outputTokens: 340, reasoningTokens: 335 }
  ],
  [
    'thoughts inside the candidates, by the total (llm-gemini #75)',
    { promptTokenCount: 8, candidatesTokenCount: 340, thoughtsTokenCount: 335, totalTokenCount: 348 },
    { inputTokens: 8, cachedInputTokens: 0, outputTokens: 340, reasoningTokens: 335 }
  ],
  ['thoughts that only the total tells of', { promptTokenCount: 8, candidatesTokenCount: 5, totalTokenCount: 348 }, { inputTokens: 8, cachedInputTokens: 0, outputTokens: 340, reasoningTokens: 335 }],
  ['thoughts only, candidates absent', { promptTokenCount: 8, thoughtsTokenCount: 50, totalTokenCount: 58 }, { inputTokens: 8, cachedInputTokens: 0, outputTokens: 50, reasoningTokens: 50 }],
  ['no total', { promptTokenCount: 8, candidatesTokenCount: 5, thoughtsTokenCount: 2 }, { inputTokens: 8, cachedInputTokens: 0, outputTokens: 7, reasoningTokens: 2 }],
  [
    'cached tokens are a part of the prompt',
    { promptTokenCount: 2152, cachedContentTokenCount: 2027, candidatesTokenCount: 6, totalTokenCount: 2158 },
    { inputTokens: 2152, cachedInputTokens: 2027, outputTokens: 6, reasoningTokens: 0 }
  ],
  [
    'results of its own tools are input beside the prompt',
    { promptTokenCount: 20, toolUsePromptTokenCount: 100, candidatesTokenCount: 7, thoughtsTokenCount: 3, totalTokenCount: 130 },
    { inputTokens: 120, cachedInputTokens: 0, outputTokens: 10, reasoningTokens: 3 }
  ],
  [
    'results of its own tools inside the prompt, by the total',
    { promptTokenCount: 120, toolUsePromptTokenCount: 100, candidatesTokenCount: 7, thoughtsTokenCount: 3, totalTokenCount: 130 },
    { inputTokens: 120, cachedInputTokens: 0, outputTokens: 10, reasoningTokens: 3 }
  ],
  [
    'sound and pictures by modality',
    {
      promptTokenCount: 400,
      cachedContentTokenCount: 50,
      candidatesTokenCount: 30,
      totalTokenCount: 430,
      promptTokensDetails: [modality('TEXT', 42), modality('AUDIO', 100), modality('IMAGE', 258)],
      cacheTokensDetails: [modality('AUDIO', 40), modality('TEXT', 10)],
      candidatesTokensDetails: [modality('AUDIO', 20), modality('IMAGE', 4), modality('TEXT', 6)]
    },
    {
      inputTokens: 400,
      cachedInputTokens: 50,
      outputTokens: 30,
      reasoningTokens: 0,
      inputAudioTokens: 100,
      cachedAudioTokens: 40,
      inputImageTokens: 258,
      outputAudioTokens: 20,
      outputImageTokens: 4
    }
  ],
  ['a part is never more than its whole', { promptTokenCount: 5, cachedContentTokenCount: 9, promptTokensDetails: [modality('AUDIO', 9), modality('IMAGE', 9)] }, { inputTokens: 5, cachedInputTokens: 5, outputTokens: 0, reasoningTokens: 0, inputAudioTokens: 5 }],
  ['counts that are none', { promptTokenCount: -1, candidatesTokenCount: 'many', totalTokenCount: 1e300 }, { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 }],
  ['nothing', undefined, null],
  ['an empty object', {}, null],
  ['a text', 'many', null]
]
for (const [name, metadata, usage] of cases) {
  test(`gemini usage: ${name}`, t => {
    const read = readGeminiUsage(metadata)
    t.deepEqual(read, usage)
    const total = (metadata as { totalTokenCount?: number } | undefined)?.totalTokenCount
    if (read !== null && total !== undefined && total < 1e9) t.is(read.inputTokens + read.outputTokens, total)
  })
}

test('gemini usage: as chat completions spell it, prompt and completion are the total', t => {
  t.deepEqual(chatUsage({ inputTokens: 8, cachedInputTokens: 3, outputTokens: 340, reasoningTokens: 335, inputAudioTokens: 2 }), {
    prompt_tokens: 8,
    completion_tokens: 340,
    total_tokens: 348,
    prompt_tokens_details: { cached_tokens: 3, audio_tokens: 2 },
    completion_tokens_details: { reasoning_tokens: 335, audio_tokens: 0 }
  })
})
