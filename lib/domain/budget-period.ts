import type { BudgetRule } from '../contracts/allowance.ts'

const day = 86_400_000

/**
 * Start of the period that a moment lies in, both ms since 1970: UTC, weeks begin on Monday, a total began in 1970.
 * The same rule as function budget_period_start in the database.
 */
export function budgetPeriodStart (period: BudgetRule['period'], moment: number): number {
  const midnight = Math.floor(moment / day) * day
  switch (period) {
    case 'total': return 0
    case 'day': return midnight
    // 1 January 1970 was a Thursday
    case 'week': return midnight - ((midnight / day + 3) % 7) * day
    case 'month': {
      const date = new Date(moment)
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1)
    }
  }
}
