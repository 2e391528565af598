import type { Budgets, ControlState, Limiting } from '../contracts/allowance.ts'
import type { UsageJournal, UsageRecord } from '../contracts/usage.ts'
import type { Catalog } from '../providers/catalog-types.ts'
import type { Provider } from '../providers/types.ts'
import type { DeploymentHealth } from './deployment-health.ts'
import type { ResponseCache } from './response-cache.ts'

/** What a request for a model needs of its process. */
export interface Gateway {
  readonly catalog: Catalog
  readonly providers: { get: (name: string) => Provider | undefined }
  readonly health: DeploymentHealth
  readonly state: () => ControlState
  readonly limiting: Limiting
  readonly budgets: Budgets
  readonly journal: UsageJournal
  readonly cache: ResponseCache
  /** Bytes of one provider answer. */
  readonly maxAnswerBytes: number
  /** Told of every request that was delivered or answered from the cache, for metrics and traces. */
  readonly observe: (record: UsageRecord, traceparent: string | undefined) => void
}
