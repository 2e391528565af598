import type { Pool } from 'pg'
import type { Config } from '../../lib/config.ts'
import type { Limiter } from '../../lib/contracts/limiter.ts'
import type { Provider } from '../../lib/providers/types.ts'
import type { HintPublisher } from '../../lib/store/job-hints.ts'
import type { ObjectStore } from '../../lib/store/object-store.ts'
import { createBeginBatch } from './begin-batch.ts'
import { createChunkRunner } from './chunk-runner.ts'
import { createFinalizeBatch } from './finalize-batch.ts'
import { createRequestCancel } from './request-cancel.ts'

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

export type BatchActivities = ReturnType<typeof createBatchActivities>

/** The activities of a batch, and `close` for what they keep running beside them. */
export function createBatchActivities (dependencies: BatchDependencies) {
  const chunks = createChunkRunner(dependencies)
  return {
    beginBatch: createBeginBatch(dependencies),
    runChunk: chunks.runChunk,
    finalizeBatch: createFinalizeBatch(dependencies),
    requestCancelOfBatch: createRequestCancel(dependencies)
  }
}
