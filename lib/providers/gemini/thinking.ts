import type { ChatRequest } from '../../contracts/chat.ts'
import { SiraError } from '../../errors.ts'
import { isObject } from './wire.ts'
import type { ThinkingConfig, ThinkingLevel } from './wire.ts'

/** Tokens, for Gemini 2.5: the amounts of Google's own OpenAI-compatible layer. */
const budgets: Readonly<Record<string, number>> = { none: 0, minimal: 1024, low: 1024, medium: 8192, high: 24_576, xhigh: 24_576 }
/** From Gemini 3 on, which cannot be kept from thinking altogether. */
const levels: Readonly<Record<string, ThinkingLevel>> = { none: 'MINIMAL', minimal: 'MINIMAL', low: 'LOW', medium: 'MEDIUM', high: 'HIGH', xhigh: 'HIGH' }

/**
 * How much to think. Budget and level must not both be sent. Google's own spelling, `extra_body.google.thinking_config`, wins
 * over reasoning_effort. Whoever asks for thinking also gets the thoughts, which are billed anyway.
 */
export function toThinkingConfig (request: ChatRequest): ThinkingConfig | null {
  const given = readExtraBody(request.extra_body)
  if (given !== null) return given
  const effort = request.reasoning_effort
  if (effort === undefined || effort === null) return null
  if (!Object.hasOwn(levels, effort)) {
    throw new SiraError('invalid_parameter', { param: 'reasoning_effort', reason: `Expected ${Object.keys(levels).join(', ')}.` })
  }
  const include = effort !== 'none' && { includeThoughts: true }
  if (/gemini-2\b/.test(request.model)) return { thinkingBudget: budgets[effort]!, ...include }
  const level = levels[effort]!
  // the pro models have no level below low
  return { thinkingLevel: level === 'MINIMAL' && /-pro\b/.test(request.model) ? 'LOW' : level, ...include }
}

function readExtraBody (extraBody: unknown): ThinkingConfig | null {
  const google = isObject(extraBody) ? extraBody.google : null
  const given = isObject(google) ? google.thinking_config : null
  if (!isObject(given)) return null
  const { include_thoughts: include, thinking_budget: budget, thinking_level: level } = given
  const known = typeof level === 'string' ? levels[level.toLowerCase()] : undefined
  return {
    ...(typeof include === 'boolean' && { includeThoughts: include }),
    ...(typeof budget === 'number' && { thinkingBudget: budget }),
    ...(known !== undefined && { thinkingLevel: known })
  }
}
