import type { VendorKind } from '../vendors.ts'
import { ignored, renamed, supported, translated, unsupported } from './rule.ts'
import type { Rule, Rules } from './rule.ts'

/*
 * What differs from OpenAI's own API, by vendor; what is not named is supported. Sources are the vendors' API references. "translated"
 * is done by the vendor's adapter where the rule has no conversion of its own.
 */

const legacy: Rule = { support: 'translated', note: 'functions become tools; the answer has tool_calls.' }
/** Of open servers and of vendors of open models: nothing beyond the core of the API. */
const core: Rules = {
  functions: legacy,
  function_call: legacy,
  verbosity: unsupported(),
  service_tier: unsupported('there is one tier only.'),
  store: ignored,
  metadata: ignored,
  modalities: unsupported('it answers in text only.'),
  audio: unsupported('it answers in text only.'),
  // only makes an answer quicker
  prediction: ignored,
  web_search_options: unsupported(),
  user: ignored,
  safety_identifier: ignored,
  prompt_cache_key: ignored,
  prompt_cache_retention: ignored
}
/** None of the sampling that OpenAI lacks. Servers refuse these fields (OpenAI, Groq, Mistral), or read past them without a word. */
const openaiSampling: Rules = { top_k: unsupported(), min_p: unsupported(), top_a: unsupported(), repetition_penalty: unsupported() }
const oneChoice = unsupported('one choice only.')
const alwaysParallel = unsupported('calls in parallel cannot be turned off.')

/** Together's logprobs is the number of alternatives. */
const togetherLogprobs: Rule = {
  support: 'translated',
  note: 'sent as the number of alternatives, at least 1.',
  convert: (value, { top_logprobs: top }) => value === true ? Math.max(1, typeof top === 'number' ? top : 0) : undefined
}

export const vendorRules: Readonly<Record<VendorKind, Rules>> = {
  openai: openaiSampling,
  azure: {
    ...openaiSampling,
    service_tier: { ...supported, values: ['auto', 'default', 'priority'] },
    web_search_options: unsupported(),
    safety_identifier: ignored
  },
  vllm: { ...core, user: supported, top_a: unsupported() },
  ollama: {
    ...core,
    ...openaiSampling,
    top_k: unsupported('only its own API and a Modelfile set it.'),
    min_p: unsupported('only its own API and a Modelfile set it.'),
    repetition_penalty: unsupported('only its own API and a Modelfile set it.'),
    n: oneChoice,
    max_completion_tokens: renamed('max_tokens'),
    logit_bias: unsupported(),
    tool_choice: unsupported('tools are always chosen by the model.'),
    parallel_tool_calls: alwaysParallel
  },
  groq: {
    ...core,
    ...openaiSampling,
    n: oneChoice,
    stop: { ...supported, most: 4 },
    presence_penalty: unsupported('no model there supports it.'),
    frequency_penalty: unsupported('no model there supports it.'),
    logit_bias: unsupported('no model there supports it.'),
    logprobs: unsupported('no model there supports it.'),
    top_logprobs: unsupported('no model there supports it.'),
    service_tier: { ...supported, values: ['auto', 'flex'] },
    user: supported
  },
  together: {
    ...core,
    top_a: unsupported(),
    max_completion_tokens: renamed('max_tokens'),
    logprobs: togetherLogprobs,
    top_logprobs: { support: 'translated', note: 'goes into logprobs.', convert: () => undefined },
    parallel_tool_calls: alwaysParallel
  },
  deepseek: {
    ...core,
    ...openaiSampling,
    n: oneChoice,
    stop: { ...supported, most: 16 },
    max_completion_tokens: renamed('max_tokens'),
    seed: unsupported(),
    logit_bias: unsupported(),
    parallel_tool_calls: alwaysParallel,
    response_format: { ...supported, values: ['text', 'json_object'] }
  },
  mistral: {
    ...core,
    ...openaiSampling,
    temperature: { ...supported, clamp: [0, 1.5] },
    max_completion_tokens: renamed('max_tokens'),
    seed: renamed('random_seed'),
    logit_bias: unsupported(),
    logprobs: unsupported(),
    top_logprobs: unsupported(),
    prediction: supported,
    stream_options: { support: 'translated', note: 'usage comes in any case.', convert: () => undefined }
  },
  openrouter: {
    n: oneChoice,
    functions: legacy,
    function_call: legacy,
    store: ignored,
    metadata: ignored,
    safety_identifier: ignored
  },
  anthropic: {
    ...core,
    ...openaiSampling,
    top_k: translated,
    temperature: { ...translated, clamp: [0, 1], note: 'above 1 counts as 1.' },
    n: oneChoice,
    stop: translated,
    max_tokens: translated,
    max_completion_tokens: translated,
    seed: unsupported(),
    presence_penalty: unsupported(),
    frequency_penalty: unsupported(),
    logit_bias: unsupported(),
    logprobs: unsupported(),
    top_logprobs: unsupported(),
    tools: translated,
    tool_choice: translated,
    parallel_tool_calls: translated,
    response_format: translated,
    reasoning_effort: translated,
    service_tier: { ...translated, values: ['auto', 'default', 'priority'] },
    user: translated,
    safety_identifier: translated,
    stream_options: translated
  },
  gemini: {
    ...core,
    ...openaiSampling,
    top_k: translated,
    temperature: translated,
    top_p: translated,
    n: { ...translated, limit: [1, 8] },
    stop: { ...translated, most: 5 },
    max_tokens: translated,
    max_completion_tokens: translated,
    seed: { ...translated, note: 'its lowest 32 bits.' },
    presence_penalty: translated,
    frequency_penalty: translated,
    logit_bias: unsupported(),
    logprobs: translated,
    top_logprobs: translated,
    tools: translated,
    tool_choice: translated,
    parallel_tool_calls: alwaysParallel,
    response_format: translated,
    reasoning_effort: translated,
    service_tier: translated,
    stream_options: translated
  }
}
