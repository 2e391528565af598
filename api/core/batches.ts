import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool, PoolClient } from 'pg'
import { batchEndpoints, type BatchEndpoint } from '../../lib/contracts/batch-input.ts'
import type { Caller, Tenant } from '../../lib/contracts/jobs.ts'
import { mayUseModel } from '../../lib/contracts/scopes.ts'
import { pinPrices } from '../../lib/domain/price.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import { SiraError } from '../../lib/errors.ts'
import { insertBatch, messageTo, readBatch, type BatchRecord, type NewBatch } from '../../lib/store/batches.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { readFileWithIndex } from '../../lib/store/files.ts'
import { requestCancel, transitionJob } from '../../lib/store/jobs.ts'
import { insertOutbox, type OutboxAction, type OutboxEntry } from '../../lib/store/outbox.ts'
import { sendToWorkflow } from '../../lib/temporal/send-to-workflow.ts'
import type { Dependencies } from '../dependencies.ts'

/** What both dialects ask for when they create a batch. */
export interface BatchRequest extends Omit<NewBatch, 'prices' | 'endpoint'> {
  readonly endpoint: string
}

/**
 * Accepts a batch: row, event and promise to Temporal in the caller's transaction. A bad or missing input file does not
 * refuse it; the batch ends `failed` with coded errors, as OpenAI's do. The price book is pinned here.
 */
export async function acceptBatch (dependencies: Dependencies, client: PoolClient, caller: Caller, request: BatchRequest): Promise<{ batch: BatchRecord, start: OutboxEntry }> {
  if (!isBatchEndpoint(request.endpoint)) {
    throw new SiraError('invalid_parameter', { param: 'endpoint', reason: `it must be one of ${batchEndpoints.join(', ')}.` }, { param: 'endpoint' })
  }
  const file = await readFileWithIndex(client, caller, request.inputFileId)
  const models = Object.keys(file?.index?.models ?? {}).filter(model => dependencies.catalog.models.has(model) && mayUseModel(caller.models, model))
  return await insertBatch(client, caller, { ...request, endpoint: request.endpoint, prices: pinPrices(dependencies.catalog.models, models) })
}

function isBatchEndpoint (endpoint: string): endpoint is BatchEndpoint {
  return (batchEndpoints as readonly string[]).includes(endpoint)
}

export async function getBatch (pool: Pool, tenant: Tenant, id: string): Promise<BatchRecord> {
  const batch = await readBatch(pool, tenant, id)
  if (batch === null) throw new SiraError('not_found', { resource: 'batch', id: id.slice(0, 100) })
  return batch
}

/** Asks a batch to stop. Idempotent: a cancelled or cancelling one is simply returned; any other finished one is a conflict. */
export async function cancelBatch (dependencies: Dependencies, tenant: Tenant, id: string): Promise<BatchRecord> {
  return await change(dependencies, tenant, id, 'cancel', async (client, batch) => {
    if (batch.state === 'cancelled' || batch.cancelRequestedAt !== null) return false
    if (isTerminal(batch.state) || batch.state === 'finalizing') throw conflict('cancel', batch)
    const job = await requestCancel(client, tenant, id)
    if (job?.cancelRequestedAt == null) throw conflict('cancel', (await readBatch(client, tenant, id))!) // it finished meanwhile
    return true
  })
}

/** No new call is made for a paused batch; its calls in flight end and are kept. Its window goes on. */
export async function pauseBatch (dependencies: Dependencies, tenant: Tenant, id: string): Promise<BatchRecord> {
  return await change(dependencies, tenant, id, null, async (client, batch) => {
    if (batch.state === 'paused') return false
    if (batch.state !== 'running' || batch.cancelRequestedAt !== null) throw conflict('pause', batch)
    if (await transitionJob(client, { id, to: 'paused' }) === null) throw conflict('pause', (await readBatch(client, tenant, id))!)
    return true
  })
}

export async function resumeBatch (dependencies: Dependencies, tenant: Tenant, id: string): Promise<BatchRecord> {
  return await change(dependencies, tenant, id, 'resume', async (client, batch) => {
    if (batch.state === 'running') return false
    if (batch.state !== 'paused' || batch.cancelRequestedAt !== null) throw conflict('resume', batch)
    if (await transitionJob(client, { id, to: 'running' }) === null) throw conflict('resume', (await readBatch(client, tenant, id))!)
    return true
  })
}

/** A new batch over the rows of a finished one that did not succeed; the old one stays as it is. */
export async function retryFailed (dependencies: Dependencies, client: PoolClient, caller: Caller, id: string): Promise<{ batch: BatchRecord, start: OutboxEntry }> {
  const source = await readBatch(client, caller, id)
  if (source === null) throw new SiraError('not_found', { resource: 'batch', id: id.slice(0, 100) })
  if (!isTerminal(source.state) || source.state === 'failed') throw conflict('retry the failed rows of', source)
  if (source.counts.failed === 0) throw new SiraError('state_conflict', { action: 'retry the failed rows of', resource: 'batch', state: 'completed without failed rows' })
  return await acceptBatch(dependencies, client, caller, {
    inputFileId: source.inputFileId,
    endpoint: source.endpoint,
    completionWindow: source.completionWindow,
    windowSeconds: Math.round((source.expiresAt.getTime() - source.createdAt.getTime()) / 1000),
    metadata: source.metadata,
    outputExpiresAfterSeconds: source.outputExpiresAfterSeconds,
    concurrency: source.concurrency,
    budget: source.budget,
    retryOf: source.id
  })
}

/** ms that an answer waits for Temporal. */
const DELIVERY_PATIENCE = 1_000

/** Hands an accepted message to Temporal. A failure is not the caller's: the outbox keeps the message and a sweeper sends it. */
export async function deliver (dependencies: Dependencies, entry: OutboxEntry, log: { warn: (context: object, message: string) => void }): Promise<void> {
  const sent = sendToWorkflow(dependencies.temporal, dependencies.pool, dependencies.config.taskQueue, entry, { deadline: DELIVERY_PATIENCE }).catch((error: unknown) => {
    log.warn({ err: error, job: entry.resourceId, action: entry.action }, 'left to the outbox sweeper')
  })
  // a client that is still connecting does not mind the deadline of its calls
  await Promise.race([sent, sleep(DELIVERY_PATIENCE, undefined, { ref: false })])
}

async function change (
  dependencies: Dependencies, tenant: Tenant, id: string, action: OutboxAction | null,
  apply: (client: PoolClient, batch: BatchRecord) => Promise<boolean>
): Promise<BatchRecord> {
  const { batch, message } = await inTransaction(dependencies.pool, async client => {
    const before = await readBatch(client, tenant, id)
    if (before === null) throw new SiraError('not_found', { resource: 'batch', id: id.slice(0, 100) })
    if (!await apply(client, before)) return { batch: before, message: null }
    const after = (await readBatch(client, tenant, id))!
    if (action === null) return { batch: after, message: null }
    const message = messageTo(after, action)
    await insertOutbox(client, message)
    return { batch: after, message }
  })
  dependencies.hints.hint(batch.id, batch.seq)
  if (message !== null) await deliver(dependencies, message, dependencies.log)
  return batch
}

function conflict (action: string, batch: BatchRecord): SiraError {
  const words: Readonly<Record<string, string>> = { succeeded: 'completed' }
  return new SiraError('state_conflict', { action, resource: 'batch', state: words[batch.state] ?? batch.state })
}
