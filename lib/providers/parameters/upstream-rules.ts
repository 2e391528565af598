import type { VendorKind } from '../vendors.ts'
import { renamed, supported, unsupported } from './rule.ts'
import type { Rules } from './rule.ts'

/** What single models take, by their name at the provider. Of several rows that match, later ones win. */
interface UpstreamRow {
  readonly kinds: readonly VendorKind[]
  readonly pattern: RegExp
  readonly rules: Rules
}

const openai: readonly VendorKind[] = ['openai', 'azure']
const reasonersDefault = unsupported('models that reason take the default only.')
const modelsDefault = unsupported('the model takes the default only.')
const noLogprobs = unsupported('models that reason give none.')

export const upstreamRows: readonly UpstreamRow[] = [
  {
    // o1, o3-mini, o4-mini, gpt-5, gpt-5-nano; not gpt-5-chat, which does not reason
    kinds: openai,
    pattern: /^(?:ft:)?(?:o\d|gpt-5(?![.\d]|-chat)|codex-mini)/,
    rules: {
      temperature: reasonersDefault,
      top_p: reasonersDefault,
      presence_penalty: reasonersDefault,
      frequency_penalty: reasonersDefault,
      logit_bias: reasonersDefault,
      logprobs: noLogprobs,
      top_logprobs: noLogprobs,
      max_tokens: renamed('max_completion_tokens'),
      prediction: unsupported('models that reason take none.')
    }
  },
  {
    // gpt-5.1 and later take sampling parameters when they do not reason; OpenAI decides
    kinds: openai,
    pattern: /^(?:ft:)?gpt-5\.\d/,
    rules: { max_tokens: renamed('max_completion_tokens'), prediction: unsupported('models that reason take none.') }
  },
  { kinds: openai, pattern: /^(?:ft:)?(?:o3(?!-mini)|o4-mini|gpt-5(?!-chat))/, rules: { stop: unsupported('models that reason take none.') } },
  { kinds: openai, pattern: /^(?:ft:)?o[13]/, rules: { parallel_tool_calls: unsupported('the model makes one call at a time.') } },
  {
    kinds: openai,
    pattern: /^(?:ft:)?(?:chatgpt-4o|gpt-[34])/,
    rules: { reasoning_effort: unsupported('the model does not reason.'), verbosity: unsupported('only later models have it.') }
  },
  {
    kinds: ['deepseek'],
    pattern: /^deepseek-reasoner/,
    rules: {
      temperature: unsupported('it has no effect on a model that reasons.'),
      top_p: unsupported('it has no effect on a model that reasons.'),
      presence_penalty: unsupported('it has no effect on a model that reasons.'),
      frequency_penalty: unsupported('it has no effect on a model that reasons.'),
      logprobs: noLogprobs,
      top_logprobs: noLogprobs
    }
  },
  {
    // 4.1 to 4.6 refuse the two together
    kinds: ['anthropic'],
    pattern: /claude-[a-z]+-4-[1-6](?!\d)/,
    rules: { top_p: { ...supported, notWith: 'temperature', note: 'the model takes temperature or top_p, not both.' } }
  },
  {
    // 4.7 and later refuse either; a date such as 20250514 is no version
    kinds: ['anthropic'],
    pattern: /claude-[a-z]+-(?:4-(?:[7-9]|[1-9]\d)|[5-9]|[1-9]\d)(?!\d)/,
    rules: { temperature: modelsDefault, top_p: modelsDefault, top_k: modelsDefault }
  }
]
