import type { Pool } from 'pg'
import type { Config } from '../../lib/config.ts'
import type { Budgets } from '../../lib/contracts/allowance.ts'
import type { Limiter } from '../../lib/contracts/limiter.ts'
import type { Provider } from '../../lib/providers/types.ts'
import type { HintPublisher } from '../../lib/store/job-hints.ts'
import type { ObjectStore } from '../../lib/store/object-store.ts'
import type { BudgetsOf } from './row-budgets.ts'

/** What the worker wires into the batch activities. */
export interface BatchDependencies {
  readonly config: Config
  readonly pool: Pool
  readonly objects: ObjectStore
  readonly providers: Pick<ReadonlyMap<string, Provider>, 'get'>
  readonly limiter: Limiter
  readonly hints: HintPublisher
  /** Budgets of organization, project and key; absent = none. */
  readonly spending?: { readonly budgets: Budgets, readonly budgetsOf: BudgetsOf }
  /** This process's id in the worker table. */
  readonly workerId: string
}
