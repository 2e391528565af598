import { setTimeout as sleep } from 'node:timers/promises'
import type { BudgetRule, Budgets, Reservation } from '../../lib/contracts/allowance.ts'
import { SiraError } from '../../lib/errors.ts'
import type { BatchRecord } from '../../lib/store/batches.ts'

/** The budgets of a batch's owner, from memory. */
export type BudgetsOf = (owner: { readonly organizationId: string, readonly projectId: string, readonly keyId: string }) => readonly BudgetRule[]

/** ms between two tries while Postgres is away. */
const OUTAGE_INTERVAL = 500

export interface RowReservation extends Reservation {
  /** ms since 1970, when it was made: the row is charged to the periods of that moment. */
  readonly moment: number
}

/** Money of organization, project and key budgets for rows of batches. */
export interface RowBudgets {
  /** Resolves with the reservation; with null when the budgets have nothing left, or when the signal aborted. */
  readonly reserve: (owner: Pick<BatchRecord, 'organizationId' | 'projectId' | 'apiKeyId'>, amount: bigint, signal: AbortSignal) => Promise<RowReservation | null>
}

/**
 * A refusal ends a row only when no other row of the same key is in flight here and no request elsewhere holds anything: each of
 * those has reserved the most it could cost, and will give most of that back. Through an outage rows wait, as everywhere in a batch.
 */
export function createRowBudgets ({ budgets, budgetsOf }: { budgets: Budgets, budgetsOf: BudgetsOf }): RowBudgets {
  const inFlight = new Map<string, { rows: number, waiters: Array<() => void> }>()

  return {
    async reserve ({ organizationId, projectId, apiKeyId: keyId }, amount, signal) {
      for (;;) {
        // read again each time: the budgets may have been changed meanwhile
        const rules = budgetsOf({ organizationId, projectId, keyId })
        const moment = Date.now()
        if (rules.length === 0) return { moment, settle () {} }
        try {
          return track(keyId, moment, await budgets.reserve(rules, amount, signal, moment))
        } catch (error) {
          if (signal.aborted) return null
          if (!(error instanceof SiraError)) throw error
          if (error.code === 'unavailable') {
            await sleep(OUTAGE_INTERVAL, undefined, { signal }).catch(() => {}) // aborted: seen with the next try
          } else if (error.code === 'budget_exceeded' || error.code === 'budget_reserved') {
            const others = inFlight.get(keyId)
            if (others !== undefined) await new Promise<void>(resolve => { others.waiters.push(resolve) })
            // reserved by requests elsewhere: `reserve` itself has waited for seconds, and will again
            else if (error.code === 'budget_exceeded') return null
          } else {
            throw error
          }
        }
        if (signal.aborted) return null
      }
    }
  }

  function track (keyId: string, moment: number, reservation: Reservation): RowReservation {
    const entry = inFlight.get(keyId) ?? { rows: 0, waiters: [] }
    inFlight.set(keyId, entry)
    entry.rows += 1
    return {
      moment,
      settle (spent) {
        reservation.settle(spent)
        entry.rows -= 1
        if (entry.rows === 0) inFlight.delete(keyId)
        for (const wake of entry.waiters.splice(0)) wake()
      }
    }
  }
}
