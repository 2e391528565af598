import test from 'ava'
import { createResultWriter } from '../../activities/batch/result-writer.ts'
import type { RowResult, SaveOutcome } from '../../lib/store/batch-rows.ts'
import { readBatchById } from '../../lib/store/batches.ts'
import { transitionJob } from '../../lib/store/jobs.ts'
import { insertTestBatch } from '../support/batch.ts'
import { openTestPool } from '../support/pool.ts'
import { createTestTenant } from '../support/tenant.ts'

const result = (line: number): RowResult => ({
  line, customId: `c${line}`, state: 'ok', statusCode: 200, requestId: null, attempts: 1, errorCode: null, errorMessage: null, body: '{}', settlement: null
})

test('results reach the database in few statements, and drain waits for all of them', async t => {
  const { pool } = await openTestPool(t)
  const batch = await insertTestBatch(pool, (await createTestTenant(pool)).caller)
  await transitionJob(pool, { id: batch.id, to: 'running' })
  const outcomes: Array<SaveOutcome | null> = []
  const writer = createResultWriter({ pool, batchId: batch.id, onSaved: outcome => { outcomes.push(outcome) } })
  for (let line = 1; line <= 1_234; line++) writer.add(result(line))
  await writer.drain()
  t.is((await readBatchById(pool, batch.id))!.counts.succeeded, 1_234)
  t.true(outcomes.length <= 5, `${outcomes.length} statements`)
  const seqs = outcomes.map(outcome => outcome!.seq)
  t.deepEqual(seqs, [...seqs].sort((a, b) => a - b))
})

test('a lone result is saved without waiting for company', async t => {
  const { pool } = await openTestPool(t)
  const batch = await insertTestBatch(pool, (await createTestTenant(pool)).caller)
  await transitionJob(pool, { id: batch.id, to: 'running' })
  const saved = new Promise<SaveOutcome | null>(resolve => {
    createResultWriter({ pool, batchId: batch.id, onSaved: resolve }).add(result(1))
  })
  t.is((await saved)?.state, 'running')
})

test('a full writer has room again only when results are saved', async t => {
  const { pool } = await openTestPool(t)
  const batch = await insertTestBatch(pool, (await createTestTenant(pool)).caller)
  await transitionJob(pool, { id: batch.id, to: 'running' })
  const writer = createResultWriter({ pool, batchId: batch.id, onSaved () {} })
  for (let line = 1; line <= 2_000; line++) writer.add(result(line))
  t.true(writer.isFull())
  await writer.room()
  t.false(writer.isFull())
  t.true((await readBatchById(pool, batch.id))!.counts.succeeded >= 1_000)
  await writer.drain()
})

test('an error that is no outage fails the drain instead of losing results silently', async t => {
  const { pool } = await openTestPool(t)
  const batch = await insertTestBatch(pool, (await createTestTenant(pool)).caller)
  await transitionJob(pool, { id: batch.id, to: 'running' })
  const writer = createResultWriter({ pool, batchId: batch.id, onSaved () {} })
  writer.add({ ...result(1), customId: 'a NUL \0 is no text for Postgres' })
  await t.throwsAsync(writer.drain())
})
