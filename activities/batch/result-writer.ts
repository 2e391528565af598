import type { Pool } from 'pg'
import { saveResults, type RowResult, type SaveOutcome } from '../../lib/store/batch-rows.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'

/** A flush happens at 50 results or after 50 ms, whichever is first, and never two at once for one batch: what gathers meanwhile goes with the next. */
const FLUSH_ROWS = 50
const FLUSH_AFTER = 50
/** Rows of one statement; also bounds what a long flush lets gather. */
const MOST_PER_FLUSH = 500
/** Unsaved results above which no further call is made: a database outage costs time, not memory. */
const HIGH_WATER = 2_000

export interface ResultWriter {
  add: (result: RowResult) => void
  /** Resolves when everything added so far is saved (or was refused because the batch is over). Rejects when saving failed for good. */
  drain: () => Promise<void>
  /** Whether so much waits to be saved that no further call should be made before `room` resolves. */
  isFull: () => boolean
  room: () => Promise<void>
}

/** One per batch and process: collects the results of all its chunks here and saves them together. */
export function createResultWriter (options: { pool: Pool, batchId: string, processId?: string, onSaved: (outcome: SaveOutcome | null) => void }): ResultWriter {
  let pending: RowResult[] = []
  let added = 0
  let saved = 0
  let flushing = false
  let timer: NodeJS.Timeout | null = null
  let failure: unknown = null
  let waiters: Array<{ until: number, resolve: () => void, reject: (reason: unknown) => void }> = []

  return {
    add (result) {
      pending.push(result)
      added += 1
      schedule()
    },
    async drain () {
      if (failure !== null) throw failure
      await until(added)
    },
    isFull: () => added - saved >= HIGH_WATER,
    async room () { await until(added - HIGH_WATER / 2) }
  }

  async function until (count: number): Promise<void> {
    if (saved >= count) return
    await new Promise<void>((resolve, reject) => { waiters.push({ until: count, resolve, reject }) })
  }

  function schedule (): void {
    if (flushing || pending.length === 0 || failure !== null) return
    if (pending.length >= FLUSH_ROWS) {
      flush()
    } else {
      timer ??= setTimeout(flush, FLUSH_AFTER)
    }
  }

  function flush (): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    if (flushing) return
    flushing = true
    const results = pending.slice(0, MOST_PER_FLUSH)
    pending = pending.slice(MOST_PER_FLUSH)
    throughOutage(async () => await saveResults(options.pool, options.batchId, results, options.processId)).then(outcome => {
      saved += results.length
      options.onSaved(outcome)
      wake(waiter => waiter.until <= saved, waiter => { waiter.resolve() })
    }, (reason: unknown) => {
      failure = reason
      wake(() => true, waiter => { waiter.reject(reason) })
    }).finally(() => {
      flushing = false
      schedule()
    })
  }

  function wake (ready: (waiter: typeof waiters[number]) => boolean, call: (waiter: typeof waiters[number]) => void): void {
    const woken = waiters.filter(ready)
    waiters = waiters.filter(waiter => !woken.includes(waiter))
    woken.forEach(call)
  }
}
