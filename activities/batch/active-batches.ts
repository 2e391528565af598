import type { ChunkOutcome } from '../../lib/contracts/workflows.ts'
import { readBatchById, readControls, type BatchRecord } from '../../lib/store/batches.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { createBudget, type Budget } from './budget.ts'
import type { BatchDependencies } from './dependencies.ts'
import { createResultWriter, type ResultWriter } from './result-writer.ts'

/** ms between two looks at the jobs being worked on: how soon a cancel or pause reaches a quiet chunk. */
const CONTROL_INTERVAL = 200
/** ms before the worker is ended by force at which calls in flight are given up, so that results can still be saved. */
const SHUTDOWN_MARGIN = 1_500

export type Stop = Exclude<ChunkOutcome, 'done'>

/** What all chunks of one batch share in this process. */
export interface ActiveBatch {
  readonly record: BatchRecord
  readonly writer: ResultWriter
  readonly budget: Budget | null
  /** Why no further call may start; null while work goes on. */
  readonly stopped: () => Stop | null
  readonly stop: (reason: Stop) => void
  /** Aborted together with `stop`: ends waiting for a turn and for a retry. */
  readonly claiming: AbortSignal
  /** Aborted when calls in flight have had their grace. */
  readonly calls: AbortSignal
}

export interface ActiveBatches {
  /** Joins or opens the batch here; null when it no longer exists. Every enter needs a leave. */
  enter: (batchId: string) => Promise<ActiveBatch | null>
  leave: (batch: ActiveBatch) => void
}

export function createActiveBatches ({ pool, config, hints, workerId }: Pick<BatchDependencies, 'pool' | 'config' | 'hints' | 'workerId'>): ActiveBatches {
  const open = new Map<string, Promise<ActiveBatch | null>>()
  const users = new Map<ActiveBatch, number>()
  let timer: NodeJS.Timeout | null = null

  return {
    async enter (batchId) {
      let entry = open.get(batchId)
      if (entry === undefined) {
        entry = start(batchId)
        open.set(batchId, entry)
        entry.catch(() => { open.delete(batchId) })
      }
      const batch = await entry
      if (batch === null) {
        open.delete(batchId)
        return null
      }
      users.set(batch, (users.get(batch) ?? 0) + 1)
      timer ??= setTimeout(look, CONTROL_INTERVAL)
      return batch
    },
    leave (batch) {
      const left = (users.get(batch) ?? 1) - 1
      if (left > 0) {
        users.set(batch, left)
        return
      }
      users.delete(batch)
      forget(batch)
    }
  }

  async function start (batchId: string): Promise<ActiveBatch | null> {
    const record = await throughOutage(async () => await readBatchById(pool, batchId))
    return record === null ? null : createActiveBatch(record)
  }

  function createActiveBatch (record: BatchRecord): ActiveBatch {
    const claiming = new AbortController()
    const calls = new AbortController()
    let stopped: Stop | null = null
    const budget = record.budget === null ? null : createBudget(record.budget, record.cost)
    const batch: ActiveBatch = {
      record,
      budget,
      claiming: claiming.signal,
      calls: calls.signal,
      stopped: () => stopped,
      stop (reason) {
        // what ends a paused batch ends its calls as well, which a pause alone lets finish
        if (stopped !== null && (stopped !== 'paused' || reason === 'paused')) return
        stopped = reason
        // a stopped batch is not joined again: what comes after a resume starts afresh
        forget(batch)
        claiming.abort()
        const grace = graceFor(reason)
        if (grace !== null) setTimeout(() => { calls.abort() }, grace).unref()
      },
      writer: createResultWriter({
        pool,
        batchId: record.id,
        processId: workerId,
        onSaved (outcome) {
          // no outcome: the batch takes no more results, because it is finalising or over
          if (outcome === null || outcome.cancelRequested) batch.stop('cancelled')
          else if (outcome.state === 'paused') batch.stop('paused')
          if (outcome === null) return
          budget?.settled(outcome.cost)
          hints.hint(record.id, outcome.seq)
        }
      })
    }
    return batch
  }

  function graceFor (reason: Stop): number | null {
    if (reason === 'paused' || reason === 'budget_exceeded') return null
    return reason === 'handover' ? Math.max(0, config.worker.shutdownGrace - SHUTDOWN_MARGIN) : config.batch.grace
  }

  function forget (batch: ActiveBatch): void {
    const entry = open.get(batch.record.id)
    entry?.then(found => { if (found === batch && open.get(batch.record.id) === entry) open.delete(batch.record.id) }, () => {})
  }

  /** The row is the truth about cancel, pause and the end of the window; nothing needs to be delivered to this process. */
  function look (): void {
    const batches = [...users.keys()].filter(batch => batch.stopped() === null || batch.stopped() === 'paused')
    for (const batch of batches) if (batch.record.expiresAt.getTime() <= Date.now()) batch.stop('expired')
    readControls(pool, batches.map(batch => batch.record.id)).then(controls => {
      for (const batch of batches) {
        const control = controls.get(batch.record.id)
        if (control === undefined || control.cancelRequested || !['running', 'paused'].includes(control.state)) batch.stop('cancelled')
        else if (control.state === 'paused') batch.stop('paused')
      }
    }, () => {
      // an outage of the database: the writer meets it too, and waits it out
    }).finally(() => { timer = users.size > 0 ? setTimeout(look, CONTROL_INTERVAL) : null })
  }
}
