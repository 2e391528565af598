import { Readable } from 'node:stream'
import { parseChunk } from '../../lib/batch-input/parse-chunk.ts'
import type { StopReason } from '../../lib/contracts/workflows.ts'
import { isTerminal, type JobState, type TerminalState } from '../../lib/domain/job-state.ts'
import { streamOutput } from '../../lib/store/batch-output.ts'
import { saveUnfinished } from '../../lib/store/batch-rows.ts'
import { readBatchById, readChunk, setBatchFiles, type BatchRecord } from '../../lib/store/batches.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { createFileRow, fileObjectKey } from '../../lib/store/files.ts'
import { transitionJob } from '../../lib/store/jobs.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { withHeartbeat } from '../heartbeat.ts'
import { hashingStream } from './hashing-stream.ts'
import type { BatchDependencies } from './dependencies.ts'
import { openRows } from './open-rows.ts'

type Dependencies = Pick<BatchDependencies, 'pool' | 'objects' | 'hints'>

/** A cancelled batch of 50,000 rows is read again as a whole, and its caller waits. */
const CHUNKS_AT_ONCE = 4

const verdicts = {
  cancelled: { state: 'cancelled', code: 'batch_cancelled', message: 'The batch was cancelled before this request was made.' },
  expired: { state: 'expired', code: 'batch_expired', message: 'This request could not be made before the completion window expired.' },
  // no way to get here is known; should there be one, every row still ends in exactly one of the two files
  incomplete: { state: 'error', code: 'internal_error', message: 'This request was not made.' },
  budget_exceeded: { state: 'error', code: 'budget_exceeded', message: 'The budget of the batch, or one of its key, project or organization, was used up before this request was made.' }
} as const

/**
 * Closes a batch: no result is accepted any more, rows without one get their verdict, the output and error files are
 * written, and the terminal state is entered together with the file rows. Every step may be repeated: the file ids were
 * reserved at creation and the lines are read in a fixed order.
 */
export function createFinalizeBatch ({ pool, objects, hints }: Dependencies) {
  return async function finalizeBatch ({ batchId, reason }: { batchId: string, reason?: StopReason }): Promise<JobState> {
    return await withHeartbeat(async () => {
      const batch = await throughOutage(async () => await readBatchById(pool, batchId))
      if (batch === null) return 'cancelled' // deleted by an administrator while it ran
      if (isTerminal(batch.state)) return batch.state
      if (batch.state !== 'finalizing') {
        const job = await throughOutage(async () => await transitionJob(pool, { id: batchId, to: 'finalizing' }))
        if (job !== null) hints.hint(job.id, job.seq)
      }
      // read again: until the line above a cancel could still come, and a caller who was told `cancelling` gets `cancelled`
      const { counts, cancelRequestedAt } = (await throughOutage(async () => await readBatchById(pool, batchId)))!
      const stop = cancelRequestedAt === null ? reason : 'cancelled'
      if (counts.succeeded + counts.failed < (counts.total ?? Infinity)) await closeUnfinished(batch, stop ?? 'incomplete')
      const [output, errors] = await Promise.all([writeFile(batch, 'ok'), writeFile(batch, 'error')])
      const to: TerminalState = stop === undefined || stop === 'budget_exceeded' ? 'succeeded' : stop
      const job = await throughOutage(async () => await inTransaction(pool, async client => {
        for (const file of [output, errors]) if (file !== null) await createFileRow(client, file)
        await setBatchFiles(client, batchId, { outputFileId: output?.id ?? null, errorFileId: errors?.id ?? null })
        const files = { ...output === null ? {} : { output_file_id: output.id }, ...errors === null ? {} : { error_file_id: errors.id } }
        return await transitionJob(client, { id: batchId, to, data: files })
      }))
      if (job !== null) hints.hint(job.id, job.seq)
      return to
    })
  }

  /** Reads the input once more, chunk by chunk, for the custom ids of rows that never got a result. */
  async function closeUnfinished (batch: BatchRecord, stop: keyof typeof verdicts): Promise<void> {
    let next = 0
    await Promise.all(Array.from({ length: CHUNKS_AT_ONCE }, async () => {
      for (;;) {
        const index = next++ // taken outside of what an outage repeats: a chunk passed over would leave rows without a verdict
        const place = await throughOutage(async () => await readChunk(pool, batch, index))
        if (place === null) return
        const [offset, length] = place.chunk
        const bytes = await objects.getRange(place.objectKey, offset, length)
        const rows = Array.from(parseChunk(bytes, place.chunk), ({ line, customId }) => ({ line, customId }))
        const open = await openRows(pool, batch, rows)
        if (open.length > 0) await throughOutage(async () => { await saveUnfinished(pool, batch.id, open, verdicts[stop]) })
      }
    }))
  }

  /** Streams the rows of one kind to a file; null when there are none. */
  async function writeFile (batch: BatchRecord, filter: 'ok' | 'error'): Promise<Parameters<typeof createFileRow>[1] | null> {
    const pages = streamOutput({ query: async (text, values) => await throughOutage(async () => await pool.query(text, values)) }, batch.id, filter)
    const first = await pages.next()
    if (first.done === true) return null
    const id = filter === 'ok' ? batch.reservedOutputFileId : batch.reservedErrorFileId
    const objectKey = fileObjectKey(batch, id)
    const hash = hashingStream(Readable.from(lines(), { objectMode: false }))
    const bytes = await objects.put(objectKey, hash.stream, 'application/jsonl')
    const expires = batch.outputExpiresAfterSeconds
    return {
      id,
      organizationId: batch.organizationId,
      projectId: batch.projectId,
      purpose: 'batch_output',
      filename: `${batch.id}_${filter === 'ok' ? 'output' : 'error'}.jsonl`,
      bytes,
      sha256: hash.digest(),
      objectKey,
      expiresAt: expires === null ? null : new Date(Date.now() + expires * 1000)
    }

    async function * lines (): AsyncGenerator<Buffer> {
      for (let page = first; page.done !== true; page = await pages.next()) {
        yield Buffer.from(page.value.text)
      }
    }
  }
}
