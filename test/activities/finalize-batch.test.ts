import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { MockActivityEnvironment } from '@temporalio/testing'
import test from 'ava'
import type { Pool } from 'pg'
import { createFinalizeBatch } from '../../activities/batch/finalize-batch.ts'
import { createResultWriter } from '../../activities/batch/result-writer.ts'
import type { Chunk } from '../../lib/contracts/batch-input.ts'
import { newId } from '../../lib/ids.ts'
import { readBatchById, setBatchTotal } from '../../lib/store/batches.ts'
import { createPool } from '../../lib/store/database.ts'
import { createFile, fileObjectKey } from '../../lib/store/files.ts'
import { requestCancel, transitionJob } from '../../lib/store/jobs.ts'
import { createObjectStore } from '../../lib/store/s3.ts'
import { insertTestBatch } from '../support/batch.ts'
import { openTestPool, silentLog } from '../support/pool.ts'
import { testS3 } from '../support/s3.ts'
import { openGate } from '../support/tcp-gate.ts'
import { createTestTenant } from '../support/tenant.ts'
import { indexOf, line } from '../lib/batch-input/_rows.ts'

const chunkRows = 20
const rowCount = 16 * chunkRows
const customId = (number: number): string => `row-${number}`

/** The input as bytes, in more chunks than are read at once. */
function makeInput (): { content: Buffer, chunks: Chunk[] } {
  const lines = Array.from({ length: rowCount }, (_, index) => `${line(customId(index + 1))}\n`)
  const chunks: Chunk[] = []
  let offset = 0
  for (let first = 0; first < rowCount; first += chunkRows) {
    const bytes = Buffer.byteLength(lines.slice(first, first + chunkRows).join(''))
    chunks.push([offset, bytes, first + 1, chunkRows])
    offset += bytes
  }
  return { content: Buffer.from(lines.join('')), chunks }
}

/** Cuts the way to Postgres for a moment whenever a statement is about to be sent that `isNext` wants to meet the outage. */
function cutBefore (pool: Pool, gate: { close: () => void, open: () => void }, isNext: (sql: string, values: readonly unknown[]) => boolean): void {
  const query = pool.query.bind(pool) as (sql: string, values?: unknown[]) => Promise<unknown>
  Object.assign(pool, {
    async query (sql: string, values: unknown[] = []) {
      if (isNext(sql, values)) {
        gate.close()
        setTimeout(gate.open, 300)
      }
      return await query(sql, values)
    }
  })
}

test('Postgres cut off again and again while a cancelled batch is finalised: every row is in one file, once, and no chunk is passed over', async t => {
  const { pool, url } = await openTestPool(t)
  const { caller } = await createTestTenant(pool)
  const objects = createObjectStore(testS3())
  await objects.prepare()
  const { content, chunks } = makeInput()
  const id = newId('file')
  const objectKey = fileObjectKey(caller, id)
  const bytes = await objects.put(objectKey, Readable.from([content]), 'application/jsonl')
  const { organizationId, projectId } = caller
  await createFile(pool, { id, organizationId, projectId, purpose: 'batch', filename: 'a.jsonl', bytes, sha256: 'x', objectKey, expiresInSeconds: null }, { ...indexOf(content.toString()), chunks })
  const batch = await insertTestBatch(pool, caller, { inputFileId: id })
  await transitionJob(pool, { id: batch.id, to: 'running' })
  await setBatchTotal(pool, batch.id, rowCount)
  const writer = createResultWriter({ pool, batchId: batch.id, onSaved () {} })
  const answered = [1, 45, 46, rowCount]
  for (const number of answered) {
    writer.add({ line: number, customId: customId(number), state: 'ok', statusCode: 200, requestId: null, attempts: 1, errorCode: null, errorMessage: null, body: '{}', settlement: null })
  }
  await writer.drain()
  await requestCancel(pool, caller, batch.id)

  const gate = await openGate(t, url)
  const own = createPool(gate.url, silentLog)
  t.teardown(async () => { await own.end() })
  // the place of a chunk, the verdicts of another, a page of a file: each meets an outage once
  const moments = [
    (sql: string, [, index]: readonly unknown[]): boolean => sql.includes('file_index.chunks ->') && index === 5,
    (sql: string, [, lines]: readonly unknown[]): boolean => sql.includes('INSERT INTO batch_row') && (lines as number[]).includes(10 * chunkRows),
    (sql: string): boolean => sql.includes('string_agg')
  ]
  let cuts = 0
  cutBefore(own, gate, (sql, values) => {
    if (moments[0]?.(sql, values) !== true) return false
    moments.shift()
    cuts += 1
    return true
  })
  const finalizeBatch = createFinalizeBatch({ pool: own, objects, hints: { hint () {}, close: async () => {} } })
  t.is(await new MockActivityEnvironment().run(finalizeBatch, { batchId: batch.id, reason: 'cancelled' as const }), 'cancelled')

  const ended = (await readBatchById(pool, batch.id))!
  t.is(ended.state, 'cancelled')
  t.like(ended.counts, { succeeded: answered.length, failed: rowCount - answered.length })
  const read = async (fileId: string): Promise<Array<{ custom_id: string, error: { code: string } | null }>> => {
    const lines = (await text(await objects.get(fileObjectKey(caller, fileId)))).trimEnd().split('\n')
    return lines.map(line => JSON.parse(line) as { custom_id: string, error: { code: string } | null })
  }
  const output = await read(ended.reservedOutputFileId)
  const errors = await read(ended.reservedErrorFileId)
  t.deepEqual(output.map(row => row.custom_id), answered.map(customId))
  const rest = Array.from({ length: rowCount }, (_, index) => index + 1).filter(number => !answered.includes(number))
  t.deepEqual(errors.map(row => row.custom_id), rest.map(customId))
  t.is(cuts, 3, 'every moment was met')
  t.deepEqual([...new Set(errors.map(row => row.error?.code))], ['batch_cancelled'])
})
