import type { Pool } from 'pg'
import type { Config } from '../../lib/config.ts'
import type { Limiter } from '../../lib/contracts/limiter.ts'
import type { Provider } from '../../lib/providers/types.ts'
import type { HintPublisher } from '../../lib/store/job-hints.ts'
import type { ObjectStore } from '../../lib/store/object-store.ts'

/** What the worker wires into the batch activities. */
export interface BatchDependencies {
  readonly config: Config
  readonly pool: Pool
  readonly objects: ObjectStore
  readonly providers: ReadonlyMap<string, Provider>
  readonly limiter: Limiter
  readonly hints: HintPublisher
  /** This process's id in the worker table. */
  readonly workerId: string
}
