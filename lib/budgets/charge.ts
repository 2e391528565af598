import type { Queryable } from '../store/database.ts'

/** What a request or a batch row cost, and to whom. */
export interface Charge {
  readonly organizationId: string
  readonly projectId: string
  readonly keyId: string
  /** When the request came: its period is the one that pays. */
  readonly createdAt: Date
  /** pico-USD */
  readonly cost: bigint
}

/**
 * Puts charges into the books of every budget they fall under, hard or soft, and takes them off what the process holds of it.
 * A threshold that is crossed for the first time becomes an event `budget.threshold_reached`. Call it in the transaction that
 * inserts the usage, with only what that really inserted: then each charge counts once. `processId` is the process that
 * reserved the money: of lines that a crash left behind, the one that died.
 */
export async function chargeBudgets (client: Queryable, processId: string, charges: readonly Charge[]): Promise<void> {
  const paid = charges.filter(charge => charge.cost > 0n)
  if (paid.length === 0) return
  await client.query('SELECT charge_budgets($1, $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::numeric[])', [
    processId,
    paid.map(charge => charge.organizationId),
    paid.map(charge => charge.projectId),
    paid.map(charge => charge.keyId),
    paid.map(charge => charge.createdAt),
    paid.map(charge => charge.cost.toString())
  ])
}
