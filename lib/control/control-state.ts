import type { BudgetRule, ControlState, LimitRule } from '../contracts/allowance.ts'
import type { Caller } from '../contracts/jobs.ts'
import type { ControlRows } from '../store/control.ts'

type Rows = Pick<ControlRows, 'version' | 'limits' | 'budgets' | 'presets'>

const none: readonly never[] = []
const mostKnown = 10_000

/** Rows, arranged so that what applies to a caller is found without a search. */
export function buildControlState ({ version, limits, budgets, presets }: Rows): ControlState {
  const limitRules = new Map(limits.map(({ organizationId, kind, subjectId, ...numbers }): [string, LimitRule] => {
    const subject = `${kind}:${subjectId}${kind === 'model' && organizationId !== null ? `@${organizationId}` : ''}`
    return [subject, { subject, kind, requestsPerMinute: numbers.requestsPerMinute, tokensPerMinute: numbers.tokensPerMinute, concurrency: numbers.concurrency }]
  }))
  const budgetRules = new Map<string, BudgetRule[]>()
  for (const { subjectId, amount, ...budget } of budgets) {
    const subject = `${budget.kind}:${subjectId}`
    const rules = budgetRules.get(subject) ?? []
    budgetRules.set(subject, rules)
    rules.push({ id: budget.id, kind: budget.kind, period: budget.period, amount: BigInt(amount), hard: budget.hard })
  }
  const limitsKnown = new WeakMap<Caller, Map<string, readonly LimitRule[]>>()
  const budgetsKnown = new WeakMap<Caller, readonly BudgetRule[]>()
  const parameters = new Map(presets.map(preset => [`${preset.projectId} ${preset.name}`, preset.parameters]))

  return {
    version,
    limitsOf: (caller, model) => {
      if (limitRules.size === 0) return none
      // the same array for the same question: limiting remembers what it made of one
      let known = limitsKnown.get(caller)
      if (known === undefined) limitsKnown.set(caller, known = new Map())
      let rules = known.get(model)
      if (rules !== undefined) return rules
      const subjects = [
        `key:${caller.keyId}`, `project:${caller.projectId}`, `organization:${caller.organizationId}`, `model:${model}@${caller.organizationId}`, `model:${model}`
      ]
      rules = subjects.flatMap(subject => limitRules.get(subject) ?? [])
      if (known.size >= mostKnown) known.clear()
      known.set(model, rules)
      return rules
    },
    budgetsOf: caller => {
      if (budgetRules.size === 0) return none
      let rules = budgetsKnown.get(caller)
      if (rules === undefined) {
        const subjects = [`key:${caller.keyId}`, `project:${caller.projectId}`, `organization:${caller.organizationId}`]
        budgetsKnown.set(caller, rules = subjects.flatMap(subject => budgetRules.get(subject) ?? []))
      }
      return rules
    },
    presetOf: (caller, name) => parameters.get(`${caller.projectId} ${name}`)
  }
}
