import type { Caller } from '../../lib/contracts/jobs.ts'
import type { Queryable } from '../../lib/store/database.ts'
import { insertBatch, type BatchRecord, type NewBatch } from '../../lib/store/batches.ts'

/** A batch row as the API would have accepted it. */
export async function insertTestBatch (database: Queryable, caller: Caller, fields: Partial<NewBatch> = {}): Promise<BatchRecord> {
  const { batch } = await insertBatch(database, caller, {
    inputFileId: 'file-none',
    endpoint: '/v1/chat/completions',
    completionWindow: '24h',
    windowSeconds: 86_400,
    metadata: null,
    outputExpiresAfterSeconds: null,
    concurrency: null,
    budget: null,
    prices: {},
    retryOf: null,
    ...fields
  })
  return batch
}
