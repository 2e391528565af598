import { createBeginBatch } from './begin-batch.ts'
import { createChunkRunner } from './chunk-runner.ts'
import type { BatchDependencies } from './dependencies.ts'
import { createFinalizeBatch } from './finalize-batch.ts'
import { createRequestCancel } from './request-cancel.ts'

export type BatchActivities = ReturnType<typeof createBatchActivities>

/** The activities of a batch. */
export function createBatchActivities (dependencies: BatchDependencies) {
  const chunks = createChunkRunner(dependencies)
  return {
    beginBatch: createBeginBatch(dependencies),
    runChunk: chunks.runChunk,
    finalizeBatch: createFinalizeBatch(dependencies),
    requestCancelOfBatch: createRequestCancel(dependencies)
  }
}
