import type { Effort, Thinking } from './wire.ts'

export interface ThinkingQuestion {
  /** The model's name at the provider. */
  readonly model: string
  /** reasoning_effort; null = not asked for. */
  readonly effort: string | null
  /** The limit the client set, thinking included; null = none. */
  readonly maxTokens: number | null
  /** A tool has to be used, which excludes thinking (litellm #8901, #9594, #26334). */
  readonly toolForced: boolean
  /** Calls under way came without the thinking that led to them, because the client did not keep it. */
  readonly thinkingLost: boolean
}

export interface ThinkingPlan {
  readonly maxTokens: number
  readonly thinking?: Thinking
  readonly effort?: Effort
}

/** Tokens of an answer when the client sets no limit: the field is required, and every model allows this. */
const defaultMaxTokens = 4096
const leastBudget = 1024

const efforts: Readonly<Record<string, Effort>> = { minimal: 'low', low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh', max: 'max' }
const budgets: Readonly<Record<Effort, number>> = { low: 2048, medium: 8192, high: 16384, xhigh: 32000, max: 32000 }

/**
 * The models that think within a budget; all later ones think adaptively, by effort, and those from 4.7 on refuse a budget.
 * Matches inside names with prefixes and dates, as other clouds write them.
 */
const budgetModels = /claude-(?:3|instant|2|(?:opus|sonnet|haiku)-4(?:-[015])?(?!-?\d\b))/

/**
 * How much a model is to think. With a budget at most half of the client's limit goes to thinking, and when that is less than the
 * least budget (1,024) it answers without. A forced tool wins over thinking: it is what the client relies on.
 */
export function planThinking ({ model, effort: asked, maxTokens, toolForced, thinkingLost }: ThinkingQuestion): ThinkingPlan {
  const limit = maxTokens ?? defaultMaxTokens
  if (asked === 'none') return { maxTokens: limit, thinking: { type: 'disabled' } }
  const effort = asked === null ? undefined : efforts[asked]
  if (effort === undefined) return { maxTokens: limit }
  if (!budgetModels.test(model)) {
    return toolForced ? { maxTokens: limit, effort } : { maxTokens: limit, effort, thinking: { type: 'adaptive', display: 'summarized' } }
  }
  const budget = maxTokens === null ? budgets[effort] : Math.min(budgets[effort], Math.floor(maxTokens / 2))
  if (toolForced || thinkingLost || budget < leastBudget) return { maxTokens: limit }
  return { maxTokens: maxTokens ?? budget + defaultMaxTokens, thinking: { type: 'enabled', budget_tokens: budget } }
}
