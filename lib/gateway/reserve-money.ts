import type { BudgetRule, Budgets, Reservation } from '../contracts/allowance.ts'
import type { GatewayRequest } from '../contracts/gateway.ts'
import type { PriceSheet } from '../contracts/prices.ts'
import { estimateCost } from '../domain/cost.ts'
import { boundOutput } from '../domain/estimate-tokens.ts'
import type { Target } from './deliver.ts'

/** The money that one request holds. */
export interface Money extends Reservation {
  /**
   * Holds the most that the request can cost at a target, before it is called. For a dearer one than before all is given back first, so
   * that requests that hold money never wait for each other. Throws what `Budgets.reserve` throws; nothing is held then.
   */
  readonly reserveFor: (target: Pick<Target, 'model' | 'deployment'>) => Promise<void> | undefined
}

/** `mostInput`: tokens. */
export function createMoney (budgets: Budgets, rules: readonly BudgetRule[], { endpoint, body, signal, createdAt }: GatewayRequest, mostInput: number): Money {
  let held: Reservation | null = null
  let amount = -1n
  /** What the amount is known to be enough for: of most requests, all that there is. */
  let enoughFor: PriceSheet | null = null

  function keep (reservation: Reservation, most: bigint, prices: PriceSheet): void {
    held = reservation
    amount = most
    enoughFor = prices
  }

  return {
    reserveFor ({ model, deployment: { prices } }) {
      if (rules.length === 0 || prices === enoughFor) return
      const most = estimateCost(prices, mostInput, boundOutput(endpoint, body, model.maxOutputTokens).most)
      if (most <= amount) return
      held?.settle(null)
      held = null
      amount = -1n
      enoughFor = null
      const reserving = budgets.reserve(rules, most, signal, createdAt)
      if (reserving instanceof Promise) return reserving.then(reservation => { keep(reservation, most, prices) })
      keep(reserving, most, prices)
    },
    settle (spent) { held?.settle(spent) }
  }
}
