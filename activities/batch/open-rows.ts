import type { Pool } from 'pg'
import { readFinishedLines } from '../../lib/store/batch-rows.ts'
import { readOnlyLines, type BatchRecord } from '../../lib/store/batches.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'

/** Of a chunk's rows, those that the batch works and that have no result yet. */
export async function openRows<Row extends { readonly line: number }> (pool: Pool, batch: BatchRecord, rows: readonly Row[]): Promise<Row[]> {
  const first = rows[0]
  const last = rows.at(-1)
  if (first === undefined || last === undefined) return []
  return await throughOutage(async () => {
    const [finished, only] = await Promise.all([
      readFinishedLines(pool, batch.id, first.line, last.line),
      readOnlyLines(pool, batch, first.line, last.line)
    ])
    return rows.filter(row => !finished.has(row.line) && (only === null || only.has(row.line)))
  })
}
