import { Readable } from 'node:stream'
import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { PoolClient } from 'pg'
import { createBatchIndexer } from '../../../../lib/batch-input/index-batch-input.ts'
import { batchEndpoints } from '../../../../lib/contracts/batch-input.ts'
import { parseUsd } from '../../../../lib/domain/price.ts'
import { parseWindow } from '../../../../lib/domain/window.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { newId } from '../../../../lib/ids.ts'
import { createFile, fileObjectKey } from '../../../../lib/store/files.ts'
import { receiveFile } from '../../../../lib/store/receive-file.ts'
import type { BatchRecord } from '../../../../lib/store/batches.ts'
import type { OutboxEntry } from '../../../../lib/store/outbox.ts'
import { acceptBatch, deliver, retryFailed } from '../../../core/batches.ts'
import { INLINE_FILENAME } from '../../../core/delete-batch.ts'
import { discardUncommitted } from '../../../core/discard-object.ts'
import { jobWebhookFields, JobWebhookAnswer, openJobWebhook, type JobWebhook } from '../../../core/job-webhook.ts'
import { createOnce } from '../../../plugins/idempotency.ts'
import { ExpiresAfter, Metadata, OneOf } from '../../../schemas.ts'
import { NativeBatch, serializeNativeBatch } from '../../../serialize-native-batch.ts'

const MOST_INLINE_REQUESTS = 10_000

const InlineRequest = Type.Object({
  custom_id: Type.String({ minLength: 1, maxLength: 512 }),
  body: Type.Record(Type.String(), Type.Unknown())
}, { additionalProperties: false })

const CreateNativeBatch = Type.Object({
  endpoint: OneOf(batchEndpoints),
  input_file_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  requests: Type.Optional(Type.Array(InlineRequest, { minItems: 1, maxItems: MOST_INLINE_REQUESTS })),
  window: Type.String({ default: '24h', description: 'how long the batch may take: 90s, 30m, 24h, at most 14d' }),
  concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, description: 'most calls of this batch in flight at once, per worker' })),
  budget_usd: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Number({ minimum: 0 })], { description: 'no call is made that could pass this' })),
  metadata: Type.Optional(Metadata),
  output_expires_after: Type.Optional(ExpiresAfter),
  ...jobWebhookFields
}, { additionalProperties: false })
const CreatedNativeBatch = Type.Object({ ...NativeBatch.properties, webhook: JobWebhookAnswer })

const tags = ['Batch (native)']

const create: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app

  app.post('', { schema: { tags, summary: 'Create a batch from a file or from inline requests', body: CreateNativeBatch, response: { 202: CreatedNativeBatch } } }, async (request, reply) => {
    const { body } = request
    if ((body.input_file_id === undefined) === (body.requests === undefined)) {
      throw new SiraError('invalid_parameter', { param: 'input_file_id', reason: 'give either input_file_id or requests.' }, { param: 'input_file_id' })
    }
    const windowSeconds = parseWindow(body.window)
    if (windowSeconds === null) throw new SiraError('invalid_parameter', { param: 'window', reason: 'a number with s, m, h or d is needed, at most 14d.' }, { param: 'window' })
    const budget = body.budget_usd === undefined ? null : budgetOf(body.budget_usd)
    const webhook = await openJobWebhook(dependencies, request, body, 'batch.*')
    const inputFileId = body.input_file_id ?? newId('file')
    try {
      return await accept(request, reply, webhook, async client => {
        if (body.requests !== undefined) await storeInline(client, request, { id: inputFileId, endpoint: body.endpoint, rows: body.requests })
        return await acceptBatch(dependencies, client, request.caller, {
          inputFileId,
          endpoint: body.endpoint,
          completionWindow: body.window,
          windowSeconds,
          metadata: body.metadata ?? null,
          outputExpiresAfterSeconds: body.output_expires_after?.seconds ?? null,
          concurrency: body.concurrency ?? null,
          budget,
          retryOf: null
        })
      })
    } catch (error) {
      // the transaction took the row back, and the object has to follow
      if (body.requests !== undefined) await discardUncommitted(dependencies.objects, fileObjectKey(request.caller, inputFileId), error, request.log)
      throw error
    }
  })

  app.post('/:id/retry-failed', {
    schema: {
      tags,
      summary: 'Run the rows that did not succeed again, as a new batch',
      params: Type.Object({ id: Type.String({ maxLength: 200 }) }),
      response: { 202: NativeBatch }
    }
  }, async (request, reply) => await accept(request, reply, null, async client => await retryFailed(dependencies, client, request.caller, request.params.id)))

  async function accept (
    request: FastifyRequest, reply: FastifyReply, webhook: JobWebhook | null, work: (client: PoolClient) => Promise<{ batch: BatchRecord, start: OutboxEntry }>
  ): Promise<Static<typeof CreatedNativeBatch>> {
    let start: OutboxEntry | undefined
    const answer = await createOnce(dependencies.pool, request, reply, async client => {
      const accepted = await work(client)
      start = accepted.start
      const batch = serializeNativeBatch(accepted.batch, request.caller, dependencies.config)
      return { status: 202, headers: { location: batch.status_url, 'retry-after': '1' }, body: JSON.stringify({ ...batch, ...await webhook?.add(client, batch.id) }) }
    })
    if (start !== undefined) await deliver(dependencies, start, request.log)
    return JSON.parse(webhook === null ? answer.body : await webhook.reveal(answer)) as Static<typeof CreatedNativeBatch>
  }

  /** Inline requests become an input file like any other, so that there is one way for a batch to run. */
  async function storeInline (client: PoolClient, { caller }: FastifyRequest, { id, endpoint, rows }: { id: string, endpoint: string, rows: ReadonlyArray<Static<typeof InlineRequest>> }): Promise<void> {
    const objectKey = fileObjectKey(caller, id)
    const { maxLineBytes, maxRows } = dependencies.config.batch
    const lines = rows.map(row => Buffer.from(JSON.stringify({ custom_id: row.custom_id, method: 'POST', url: endpoint, body: row.body }) + '\n'))
    const received = await receiveFile(dependencies.objects, objectKey, Readable.from(lines), {
      limit: dependencies.config.api.fileLimit,
      indexer: createBatchIndexer({ maxLineBytes, maxRows })
    })
    const { organizationId, projectId } = caller
    const { bytes, sha256, index } = received
    await createFile(client, { id, organizationId, projectId, purpose: 'batch', filename: INLINE_FILENAME, bytes, sha256, objectKey, expiresInSeconds: null }, index)
  }
}

function budgetOf (value: string | number): bigint {
  try {
    const budget = parseUsd(value)
    if (budget >= 0n) return budget
  } catch {
    // said below
  }
  throw new SiraError('invalid_parameter', { param: 'budget_usd', reason: 'a decimal number of USD with at most 12 places is needed.' }, { param: 'budget_usd' })
}

export default create
