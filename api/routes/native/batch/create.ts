import { setImmediate as nextTurn } from 'node:timers/promises'
import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { PoolClient } from 'pg'
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
import { JobWebhookAnswer, openJobWebhook, type JobWebhook } from '../../../core/job-webhook.ts'
import { createOnce } from '../../../plugins/idempotency.ts'
import { NativeBatch, serializeNativeBatch } from '../../../serialize-native-batch.ts'
import { readLargeBatches } from './inline/read-large.ts'
import { renderInput, type RenderedInput } from './inline/render-input.ts'
import { CreateNativeBatch } from './inline/schema.ts'

const CreatedNativeBatch = Type.Object({ ...NativeBatch.properties, webhook: JobWebhookAnswer })

const tags = ['Batch (native)']
/** Bytes. */
const PIECE = 256 * 1024

const create: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app
  const { api: { bodyLimit, fileLimit }, batch: { maxLineBytes, maxRows } } = dependencies.config
  const limits = { maxLineBytes, maxRows }
  readLargeBatches(app, limits)

  app.post('', { bodyLimit, schema: { tags, summary: 'Create a batch from a file or from inline requests', body: CreateNativeBatch, response: { 202: CreatedNativeBatch } } }, async (request, reply) => {
    const { body, largeBatch } = request
    const { requests } = body
    const isInline = requests !== undefined || largeBatch?.input != null
    if ((body.input_file_id === undefined) !== isInline) {
      throw new SiraError('invalid_parameter', { param: 'input_file_id', reason: 'give either input_file_id or requests.' }, { param: 'input_file_id' })
    }
    const windowSeconds = parseWindow(body.window)
    if (windowSeconds === null) throw new SiraError('invalid_parameter', { param: 'window', reason: 'a number with s, m, h or d is needed, at most 14d.' }, { param: 'window' })
    const budget = body.budget_usd === undefined ? null : budgetOf(body.budget_usd)
    const webhook = await openJobWebhook(dependencies, request, body, 'batch.*')
    const inputFileId = body.input_file_id ?? newId('file')
    try {
      return await accept(request, reply, webhook, async client => {
        const input = requests === undefined ? largeBatch?.input : renderInput(body.endpoint, requests, limits)
        if (input != null) await storeInline(client, request, inputFileId, input)
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
      if (isInline) await discardUncommitted(dependencies.objects, fileObjectKey(request.caller, inputFileId), error, request.log)
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
    }, request.largeBatch?.once)
    if (start !== undefined) await deliver(dependencies, start, request.log)
    return JSON.parse(webhook === null ? answer.body : await webhook.reveal(answer)) as Static<typeof CreatedNativeBatch>
  }

  async function storeInline (client: PoolClient, { caller }: FastifyRequest, id: string, { lines, index }: RenderedInput): Promise<void> {
    const objectKey = fileObjectKey(caller, id)
    const { bytes, sha256 } = await receiveFile(dependencies.objects, objectKey, pieces(lines), { limit: fileLimit, indexer: null })
    const { organizationId, projectId } = caller
    await createFile(client, { id, organizationId, projectId, purpose: 'batch', filename: INLINE_FILENAME, bytes, sha256, objectKey, expiresInSeconds: null }, index)
  }
}

/** Each in a turn of its own: to hash all of it at once would hold up the event loop for 50 ms and more. */
async function * pieces (bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE) {
    yield Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(PIECE, bytes.length - at))
    await nextTurn()
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
