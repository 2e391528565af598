import type { InputError } from '../../lib/contracts/batch-input.ts'
import type { BatchPlan } from '../../lib/contracts/workflows.ts'
import { checkBatchInput } from '../../lib/domain/check-batch-input.ts'
import { countChunks, countRowsToWork, readBatchById, setBatchErrors, setBatchTotal, type BatchRecord } from '../../lib/store/batches.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { readFileWithIndex } from '../../lib/store/files.ts'
import { transitionJob } from '../../lib/store/jobs.ts'
import { throughOutage } from '../../lib/store/retry-outage.ts'
import { withHeartbeat } from '../heartbeat.ts'
import type { BatchDependencies } from './dependencies.ts'

type Dependencies = Pick<BatchDependencies, 'pool' | 'objects' | 'hints' | 'config'>

/**
 * Checks the input as indexed at upload and opens the batch, or fails it with coded, line-numbered errors (then null).
 * Reads no input bytes. May run again at any point: every step is guarded by the job's state.
 */
export function createBeginBatch ({ pool, objects, hints, config }: Dependencies) {
  return async function beginBatch ({ batchId }: { batchId: string }): Promise<BatchPlan | null> {
    return await withHeartbeat(async () => await throughOutage(async () => {
      const batch = await readBatchById(pool, batchId)
      if (batch === null || batch.state === 'failed') return null // deleted, or failed by an earlier attempt
      // a budget is kept within one process; one chunk at a time keeps the batch in one
      const openChunks = batch.budget === null ? config.batch.openChunks : 1
      // an earlier attempt opened it; from then on the file's deletion no longer matters
      if (batch.state !== 'queued') return { chunkCount: await countChunks(pool, batch), openChunks }
      const file = await readFileWithIndex(pool, batch, batch.inputFileId)
      const errors = await findErrors(batch, file)
      if (errors.length > 0 || file?.index == null) {
        await fail(batch, errors)
        return null
      }
      const total = await countRowsToWork(pool, batch, file.index.rows)
      const job = await inTransaction(pool, async client => {
        await setBatchTotal(client, batch.id, total)
        return await transitionJob(client, { id: batch.id, to: 'running' })
      })
      if (job !== null) hints.hint(job.id, job.seq)
      return { chunkCount: file.index.chunks.length, openChunks }
    }))
  }

  async function findErrors (batch: BatchRecord, file: Awaited<ReturnType<typeof readFileWithIndex>>): Promise<readonly InputError[]> {
    if (file === null || !await objects.exists(file.objectKey)) return [inputError('file_not_found', `The input file ${batch.inputFileId} does not exist in this project.`, 'input_file_id')]
    if (file.purpose !== 'batch' || file.index === null) return [inputError('invalid_file_purpose', `The input file has purpose ${file.purpose}; batch is needed.`, 'input_file_id')]
    const { maxRows, maxFileBytes } = config.batch
    const knownModels = new Set(Object.keys(batch.prices))
    const errors = checkBatchInput({ index: file.index, bytes: file.bytes, endpoint: batch.endpoint, knownModels, maxRows, maxBytes: maxFileBytes })
    if (errors.length === 0 && batch.budget !== null) {
      const unpriced = Object.entries(batch.prices).filter(([, price]) => price.input === null || price.output === null).map(([model]) => model)
      if (unpriced.length > 0) return [inputError('invalid_request', `A budget needs prices, and ${unpriced.join(', ')} has none.`, 'budget_usd')]
    }
    return errors
  }

  async function fail (batch: BatchRecord, errors: readonly InputError[]): Promise<void> {
    const job = await inTransaction(pool, async client => {
      await setBatchErrors(client, batch.id, errors)
      return await transitionJob(client, { id: batch.id, to: 'failed', error: { code: errors[0]!.code, message: errors[0]!.message } })
    })
    if (job !== null) hints.hint(job.id, job.seq)
  }
}

function inputError (code: InputError['code'], message: string, param: string): InputError {
  return { code, message, param, line: null }
}
