import { setTimeout as sleep } from 'node:timers/promises'
import { parseChunk } from '../../lib/batch-input/parse-chunk.ts'
import type { ChunkOutcome } from '../../lib/contracts/workflows.ts'
import { readChunk } from '../../lib/store/batches.ts'
import { claimLease, releaseLease, type ActivityLease } from '../../lib/store/activity-leases.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { createJoinedRuns, type Run, type StopReason } from '../joined-runs.ts'
import { createActiveBatches, type ActiveBatch } from './active-batches.ts'
import type { BatchDependencies } from './dependencies.ts'
import { openRows } from './open-rows.ts'
import { prepareRow } from './prepare-row.ts'
import { createRowBudgets } from './row-budgets.ts'
import { runRow } from './run-row.ts'

/** ms between two tries to take over a chunk that another live worker is still on. */
const CLAIM_INTERVAL = 100

/**
 * Works the chunks of batches: reads a chunk's byte range, skips the rows Postgres has results for, calls the provider
 * for the rest. One run per chunk and process.
 */
export function createChunkRunner (dependencies: BatchDependencies) {
  const { pool, objects, config, workerId } = dependencies
  const activeBatches = createActiveBatches(dependencies)
  const spending = dependencies.spending === undefined ? null : createRowBudgets(dependencies.spending)
  const join = createJoinedRuns(workerId, startRun)

  return { runChunk: async ({ batchId, chunk }: { batchId: string, chunk: number }): Promise<ChunkOutcome> => await join(batchId, chunk) }

  function startRun (lease: ActivityLease): Run<ChunkOutcome> {
    let wanted: StopReason | null = null
    let batch: ActiveBatch | null = null
    return {
      promise: work(),
      stop (reason) {
        wanted ??= reason
        batch?.stop(reason)
      }
    }

    async function work (): Promise<ChunkOutcome> {
      batch = await activeBatches.enter(lease.resourceId)
      if (batch === null) return 'done' // deleted meanwhile
      try {
        if (wanted !== null) batch.stop(wanted)
        while (batch.stopped() === null) {
          if (await throughOutage(async () => await claimLease(pool, lease))) return await workClaimed(batch, lease)
          await sleep(CLAIM_INTERVAL)
        }
        return batch.stopped()!
      } finally {
        activeBatches.leave(batch)
      }
    }
  }

  async function workClaimed (batch: ActiveBatch, lease: ActivityLease): Promise<ChunkOutcome> {
    try {
      return await workRows(batch, lease.part) ? 'done' : batch.stopped()!
    } finally {
      // also after a failure: the next attempt may come to another worker, which would wait for this live one
      await throughOutage(async () => { await releaseLease(pool, lease) })
    }
  }

  /** True when every row of the chunk has its result saved. */
  async function workRows (batch: ActiveBatch, index: number): Promise<boolean> {
    const { record } = batch
    const place = await throughOutage(async () => await readChunk(pool, record, index))
    if (place === null) throw new Error(`Batch ${record.id} has no chunk ${index}`)
    const [offset, length] = place.chunk
    const bytes = await objects.getRange(place.objectKey, offset, length)
    const rows = Array.from(parseChunk(bytes, place.chunk), row => prepareRow(row, record.prices, record.endpoint))
    const owner = { organizationId: record.organizationId, batchId: record.id, concurrency: record.concurrency }
    const work = { providers: dependencies.providers, limiter: dependencies.limiter, spending, config: config.batch }
    const outcomes = await Promise.allSettled((await openRows(pool, record, rows)).map(async row => await runRow(batch, row, owner, work)))
    await batch.writer.drain()
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    return outcomes.every(outcome => outcome.status === 'fulfilled' && outcome.value)
  }
}
