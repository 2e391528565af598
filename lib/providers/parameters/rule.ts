/**
 * The parameters of OpenAI's chat completions, beside model and messages, that providers differ in; and the sampling that many others
 * have and OpenAI has not.
 */
export const parameterNames = [
  'temperature', 'top_p', 'n', 'stop', 'max_tokens', 'max_completion_tokens', 'seed', 'presence_penalty', 'frequency_penalty', 'logit_bias',
  'logprobs', 'top_logprobs', 'tools', 'tool_choice', 'parallel_tool_calls', 'functions', 'function_call', 'response_format', 'reasoning_effort',
  'verbosity', 'service_tier', 'store', 'metadata', 'modalities', 'audio', 'prediction', 'web_search_options', 'user', 'safety_identifier',
  'prompt_cache_key', 'prompt_cache_retention', 'stream', 'stream_options', 'top_k', 'min_p', 'top_a', 'repetition_penalty'
] as const
export type ParameterName = typeof parameterNames[number]

/**
 * supported: sent as it is. renamed: sent under another name. translated: said in the provider's own way. ignored: left out without a
 * word, since the answer is the same without it. unsupported: refused, or left out and named, as the model's policy says.
 */
export type Support = 'supported' | 'renamed' | 'translated' | 'ignored' | 'unsupported'

export interface Rule {
  readonly support: Support
  /** renamed: the provider's name. */
  readonly as?: string
  /** The provider's range where it is narrower than OpenAI's; what is outside is moved to the nearest end, not scaled. */
  readonly clamp?: readonly [least: number, most: number]
  /** Likewise, but what is outside is unsupported. */
  readonly limit?: readonly [least: number, most: number]
  /** Of a list: how many entries. */
  readonly most?: number
  /** The words that are taken, of response_format its types; others are unsupported. */
  readonly values?: readonly string[]
  /** Unsupported beside this other parameter. */
  readonly notWith?: ParameterName
  /** The value to send instead; undefined = none. */
  readonly convert?: (value: unknown, body: Readonly<Record<string, unknown>>) => unknown
  /** Why or how, for people. */
  readonly note?: string
}

export type Rules = Readonly<Partial<Record<ParameterName, Rule>>>

export const supported: Rule = { support: 'supported' }
export const translated: Rule = { support: 'translated' }
export const ignored: Rule = { support: 'ignored' }
export const renamed = (as: string): Rule => ({ support: 'renamed', as })
export const unsupported = (note = 'the provider has no such parameter.'): Rule => ({ support: 'unsupported', note })

/** What OpenAI itself allows. */
export const openaiRanges: Readonly<Partial<Record<ParameterName, readonly [least: number, most: number]>>> = {
  temperature: [0, 2],
  top_p: [0, 1],
  n: [1, 128],
  presence_penalty: [-2, 2],
  frequency_penalty: [-2, 2],
  top_logprobs: [0, 20]
}

const neutral: Readonly<Partial<Record<ParameterName, (value: unknown) => boolean>>> = {
  temperature: value => value === 1,
  top_p: value => value === 1,
  n: value => value === 1,
  stop: isEmpty,
  presence_penalty: value => value === 0,
  frequency_penalty: value => value === 0,
  logit_bias: isEmpty,
  logprobs: value => value === false,
  top_logprobs: value => value === 0,
  tools: isEmpty,
  tool_choice: value => value === 'auto',
  parallel_tool_calls: value => value === true,
  functions: isEmpty,
  function_call: value => value === 'auto',
  response_format: value => wordOf(value) === 'text',
  reasoning_effort: value => value === 'none',
  verbosity: value => value === 'medium',
  service_tier: value => value === 'auto' || value === 'default',
  store: value => value === false,
  modalities: value => Array.isArray(value) && value.length === 1 && value[0] === 'text',
  // of all tokens
  top_k: value => value === 0 || value === -1,
  min_p: value => value === 0,
  top_a: value => value === 0,
  repetition_penalty: value => value === 1
}

/** Whether a value asks for nothing beyond what happens anyway, so that it can be left out of any request. */
export function isNeutral (name: ParameterName, value: unknown): boolean {
  return value === null || value === undefined || neutral[name]?.(value) === true
}

/** The word that `values` compares: the value itself, or the type of an object. */
export function wordOf (value: unknown): unknown {
  return typeof value === 'object' && value !== null && 'type' in value ? value.type : value
}

function isEmpty (value: unknown): boolean {
  return value === '' || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
}
