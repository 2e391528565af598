import type { BatchEndpoint, Chunk, InputError } from '../contracts/batch-input.ts'
import type { Caller, JobRecord, Tenant } from '../contracts/jobs.ts'
import type { PriceBook } from '../contracts/prices.ts'
import { workflowNames } from '../contracts/workflows.ts'
import type { JobState } from '../domain/job-state.ts'
import { newId } from '../ids.ts'
import type { Queryable } from './database.ts'
import { insertJob, jobColumns, toJobRecord, type JobRow } from './jobs.ts'
import { insertOutbox, type OutboxEntry } from './outbox.ts'

export interface BatchRecord extends JobRecord {
  readonly inputFileId: string
  readonly endpoint: BatchEndpoint
  readonly completionWindow: string
  readonly outputExpiresAfterSeconds: number | null
  readonly concurrency: number | null
  /** pico-USD */
  readonly budget: bigint | null
  readonly prices: PriceBook
  readonly retryOf: string | null
  readonly errors: readonly InputError[] | null
  readonly reservedOutputFileId: string
  readonly reservedErrorFileId: string
  readonly outputFileId: string | null
  readonly errorFileId: string | null
}

interface BatchRow extends JobRow {
  input_file_id: string
  endpoint: BatchEndpoint
  completion_window: string
  output_expires_after_seconds: number | null
  concurrency: number | null
  budget: string | null
  prices: PriceBook
  retry_of: string | null
  errors: InputError[] | null
  reserved_output_file_id: string
  reserved_error_file_id: string
  output_file_id: string | null
  error_file_id: string | null
}

const batchColumns = `${jobColumns}, batch.input_file_id, batch.endpoint, batch.completion_window, batch.output_expires_after_seconds,
  batch.concurrency, batch.budget, batch.prices, batch.retry_of, batch.errors, batch.reserved_output_file_id, batch.reserved_error_file_id,
  batch.output_file_id, batch.error_file_id`

function toBatchRecord (row: BatchRow): BatchRecord {
  return {
    ...toJobRecord(row),
    inputFileId: row.input_file_id,
    endpoint: row.endpoint,
    completionWindow: row.completion_window,
    outputExpiresAfterSeconds: row.output_expires_after_seconds,
    concurrency: row.concurrency,
    budget: row.budget === null ? null : BigInt(row.budget),
    prices: row.prices,
    retryOf: row.retry_of,
    errors: row.errors,
    reservedOutputFileId: row.reserved_output_file_id,
    reservedErrorFileId: row.reserved_error_file_id,
    outputFileId: row.output_file_id,
    errorFileId: row.error_file_id
  }
}

export interface NewBatch {
  readonly inputFileId: string
  readonly endpoint: BatchEndpoint
  /** As the caller wrote it, `24h`. */
  readonly completionWindow: string
  readonly windowSeconds: number
  readonly metadata: Readonly<Record<string, string>> | null
  readonly outputExpiresAfterSeconds: number | null
  readonly concurrency: number | null
  readonly budget: bigint | null
  readonly prices: PriceBook
  readonly retryOf: string | null
}

/** The batch, its first event and its promise to Temporal, in the caller's transaction. */
export async function insertBatch (client: Queryable, caller: Caller, batch: NewBatch): Promise<{ batch: BatchRecord, start: OutboxEntry }> {
  const id = newId('batch')
  await insertJob(client, caller, { id, kind: 'batch', metadata: batch.metadata, windowSeconds: batch.windowSeconds })
  await client.query(
    `INSERT INTO batch (id, input_file_id, endpoint, completion_window, output_expires_after_seconds, concurrency, budget, prices, retry_of,
       lines, reserved_output_file_id, reserved_error_file_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
       (SELECT array_agg(line ORDER BY line) FROM batch_row WHERE batch_id = $9 AND state <> 'ok'), $10, $11)`,
    [id, batch.inputFileId, batch.endpoint, batch.completionWindow, batch.outputExpiresAfterSeconds, batch.concurrency, batch.budget?.toString() ?? null,
      JSON.stringify(batch.prices), batch.retryOf, newId('file'), newId('file')])
  const record = await readBatch(client, caller, id)
  const start = messageTo(record!, 'start')
  await insertOutbox(client, start)
  return { batch: record!, start }
}

/** What is sent to the batch's workflow; the same input for every action, because a signal may have to start it. */
export function messageTo (batch: BatchRecord, action: OutboxEntry['action']): OutboxEntry {
  return {
    resourceId: batch.id,
    action,
    workflow: workflowNames.batch,
    input: { batchId: batch.id, organizationId: batch.organizationId, projectId: batch.projectId, expiresAt: batch.expiresAt.toISOString() } as OutboxEntry['input']
  }
}

export async function readBatch (database: Queryable, tenant: Tenant, id: string): Promise<BatchRecord | null> {
  const { rows } = await database.query<BatchRow>(
    `SELECT ${batchColumns} FROM job JOIN batch USING (id) WHERE job.id = $1 AND job.organization_id = $2 AND job.project_id = $3`,
    [id, tenant.organizationId, tenant.projectId])
  return rows[0] === undefined ? null : toBatchRecord(rows[0])
}

/** For workers, which act for the batch itself rather than for a caller. */
export async function readBatchById (database: Queryable, id: string): Promise<BatchRecord | null> {
  const { rows } = await database.query<BatchRow>(`SELECT ${batchColumns} FROM job JOIN batch USING (id) WHERE job.id = $1`, [id])
  return rows[0] === undefined ? null : toBatchRecord(rows[0])
}

export interface BatchFilter {
  readonly after?: string | undefined
  readonly limit: number
  readonly states?: readonly string[] | undefined
}

/** Newest first. `after` is the id of the last item seen; an id that is not the tenant's gives an empty page. */
export async function listBatches (database: Queryable, tenant: Tenant, filter: BatchFilter): Promise<{ data: BatchRecord[], hasMore: boolean }> {
  const { rows } = await database.query<BatchRow>(
    `SELECT ${batchColumns} FROM job JOIN batch USING (id)
     WHERE job.organization_id = $1 AND job.project_id = $2 AND job.kind = 'batch'
       AND ($3::text IS NULL OR (job.created_at, job.id) < (SELECT created_at, id FROM job WHERE id = $3 AND project_id = $2))
       AND ($4::text[] IS NULL OR job.state = ANY($4))
     ORDER BY job.created_at DESC, job.id DESC LIMIT $5`,
    [tenant.organizationId, tenant.projectId, filter.after ?? null, filter.states ?? null, filter.limit + 1])
  return { data: rows.slice(0, filter.limit).map(toBatchRecord), hasMore: rows.length > filter.limit }
}

/** The lines of a range that a retry works; null when the batch works all of them. */
export async function readOnlyLines (database: Queryable, batch: BatchRecord, from: number, to: number): Promise<Set<number> | null> {
  if (batch.retryOf === null) return null
  const { rows } = await database.query<{ line: number }>(
    'SELECT line FROM batch, unnest(lines) AS line WHERE id = $1 AND line BETWEEN $2 AND $3', [batch.id, from, to])
  return new Set(rows.map(row => row.line))
}

/** How many rows of an input of `rows` the batch works. */
export async function countRowsToWork (database: Queryable, batch: BatchRecord, rows: number): Promise<number> {
  if (batch.retryOf === null) return rows
  const { rows: [row] } = await database.query<{ count: number }>('SELECT coalesce(cardinality(lines), 0) AS count FROM batch WHERE id = $1', [batch.id])
  return row!.count
}

/** Some batches of any tenant that should be under way: not finished, older than `age` ms and not waiting in the outbox. */
export async function readUnfinishedBatches (database: Queryable, age: number, limit: number): Promise<BatchRecord[]> {
  const { rows } = await database.query<BatchRow>(
    `SELECT ${batchColumns} FROM job JOIN batch USING (id)
     WHERE job.state IN ('queued', 'running', 'paused', 'finalizing') AND job.created_at < now() - $1 * interval '1 millisecond'
       AND NOT EXISTS (SELECT FROM outbox WHERE resource_id = job.id)
     ORDER BY random() LIMIT $2`, [age, limit])
  return rows.map(toBatchRecord)
}

/** What an activity needs to work one chunk: the batch and the chunk's place in its input object. */
export async function readChunk (database: Queryable, batch: BatchRecord, index: number): Promise<{ objectKey: string, chunk: Chunk } | null> {
  const { rows } = await database.query<{ object_key: string, chunk: Chunk | null }>(
    'SELECT file.object_key, file_index.chunks -> $2::int AS chunk FROM file JOIN file_index ON file_index.file_id = file.id WHERE file.id = $1',
    [batch.inputFileId, index])
  const row = rows[0]
  return row === undefined || row.chunk === null ? null : { objectKey: row.object_key, chunk: row.chunk }
}

/** Chunks of the input, even if its file has been deleted since. */
export async function countChunks (database: Queryable, batch: BatchRecord): Promise<number> {
  const { rows } = await database.query<{ count: number }>('SELECT jsonb_array_length(chunks) AS count FROM file_index WHERE file_id = $1', [batch.inputFileId])
  return rows[0]?.count ?? 0
}

export async function setBatchErrors (database: Queryable, id: string, errors: readonly InputError[]): Promise<void> {
  await database.query('UPDATE batch SET errors = $2 WHERE id = $1', [id, JSON.stringify(errors)])
}

/** Rows to work, known once the input has been checked. */
export async function setBatchTotal (database: Queryable, id: string, total: number): Promise<void> {
  await database.query('UPDATE job SET total = $2 WHERE id = $1 AND total IS NULL', [id, total])
}

/** What a running chunk has to know about its job, many jobs at once. */
export async function readControls (database: Queryable, ids: readonly string[]): Promise<Map<string, { state: JobState, cancelRequested: boolean }>> {
  const { rows } = await database.query<{ id: string, state: JobState, cancel_requested: boolean }>(
    'SELECT id, state, cancel_requested_at IS NOT NULL AS cancel_requested FROM job WHERE id = ANY($1)', [ids])
  return new Map(rows.map(row => [row.id, { state: row.state, cancelRequested: row.cancel_requested }]))
}

export async function setBatchFiles (database: Queryable, id: string, files: { outputFileId: string | null, errorFileId: string | null }): Promise<void> {
  await database.query('UPDATE batch SET output_file_id = $2, error_file_id = $3 WHERE id = $1', [id, files.outputFileId, files.errorFileId])
}

/**
 * Removes a finished batch with its rows. Its settlements stay, because they are the books, and its events, because they may still have to be
 * delivered; those go with their age. Returns false when it is not finished.
 */
export async function deleteBatch (database: Queryable, tenant: Tenant, id: string): Promise<boolean> {
  const { rowCount } = await database.query(
    'DELETE FROM job WHERE id = $1 AND organization_id = $2 AND project_id = $3 AND state IN (\'succeeded\', \'failed\', \'cancelled\', \'expired\')',
    [id, tenant.organizationId, tenant.projectId])
  return rowCount === 1
}
