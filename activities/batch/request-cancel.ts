import { readBatchById } from '../../lib/store/batches.ts'
import { requestCancel } from '../../lib/store/jobs.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { withHeartbeat } from '../heartbeat.ts'
import type { BatchDependencies } from './dependencies.ts'

/** Marks a batch as being cancelled when an operator cancelled its workflow instead of asking the API. */
export function createRequestCancel ({ pool, hints }: Pick<BatchDependencies, 'pool' | 'hints'>) {
  return async function requestCancelOfBatch ({ batchId }: { batchId: string }): Promise<void> {
    await withHeartbeat(async () => await throughOutage(async () => {
      const batch = await readBatchById(pool, batchId)
      if (batch === null) return
      const job = await requestCancel(pool, batch, batchId)
      if (job !== null) hints.hint(job.id, job.seq)
    }))
  }
}
