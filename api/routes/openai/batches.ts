import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { batchEndpoints } from '../../../lib/contracts/batch-input.ts'
import { listBatches } from '../../../lib/store/batches.ts'
import { acceptBatch, cancelBatch, deliver, getBatch } from '../../core/batches.ts'
import { jobWebhookFields, JobWebhookAnswer, openJobWebhook } from '../../core/job-webhook.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import { createOnce } from '../../plugins/idempotency.ts'
import { OpenAIBatch, serializeOpenAIBatch } from '../../serialize-openai-batch.ts'
import { ExpiresAfter, Metadata, OneOf } from '../../schemas.ts'

const CreateBatch = Type.Object({
  input_file_id: Type.String({ minLength: 1, maxLength: 200 }),
  endpoint: OneOf(batchEndpoints),
  completion_window: Type.Literal('24h'),
  metadata: Type.Optional(Metadata),
  output_expires_after: Type.Optional(ExpiresAfter),
  ...jobWebhookFields
})
const CreatedBatch = Type.Object({ ...OpenAIBatch.properties, webhook: JobWebhookAnswer })
const BatchId = Type.Object({ id: Type.String({ maxLength: 200 }) })
const tags = ['Batches']

const DAY = 24 * 3600

const batches: FastifyPluginAsyncTypebox = async app => {
  requireScopeOf(app, 'batch')
  const { dependencies } = app

  app.post('/batches', { schema: { tags, summary: 'Create a batch from a file', body: CreateBatch, response: { 200: CreatedBatch } } }, async (request, reply) => {
    const { body } = request
    const webhook = await openJobWebhook(dependencies, request, body, 'batch.*')
    let start
    const answer = await createOnce(dependencies.pool, request, reply, async client => {
      const accepted = await acceptBatch(dependencies, client, request.caller, {
        inputFileId: body.input_file_id,
        endpoint: body.endpoint,
        completionWindow: body.completion_window,
        windowSeconds: DAY,
        metadata: body.metadata ?? null,
        outputExpiresAfterSeconds: body.output_expires_after?.seconds ?? null,
        concurrency: null,
        budget: null,
        retryOf: null
      })
      start = accepted.start
      return { status: 200, headers: {}, body: JSON.stringify({ ...serializeOpenAIBatch(accepted.batch), ...await webhook.add(client, accepted.batch.id) }) }
    })
    if (start !== undefined) await deliver(dependencies, start, request.log)
    return JSON.parse(await webhook.reveal(answer))
  })

  app.get('/batches', {
    schema: {
      tags,
      summary: 'List batches, newest first',
      querystring: Type.Object({ after: Type.Optional(Type.String({ maxLength: 200 })), limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }) }),
      response: {
        200: Type.Object({ object: Type.Literal('list'), data: Type.Array(OpenAIBatch), first_id: Type.Union([Type.String(), Type.Null()]), last_id: Type.Union([Type.String(), Type.Null()]), has_more: Type.Boolean() })
      }
    }
  }, async request => {
    const page = await listBatches(dependencies.pool, request.caller, request.query)
    return {
      object: 'list' as const,
      data: page.data.map(serializeOpenAIBatch),
      first_id: page.data[0]?.id ?? null,
      last_id: page.data.at(-1)?.id ?? null,
      has_more: page.hasMore
    }
  })

  app.get('/batches/:id', { schema: { tags, summary: 'Get a batch', params: BatchId, response: { 200: OpenAIBatch } } },
    async request => serializeOpenAIBatch(await getBatch(dependencies.pool, request.caller, request.params.id)))

  app.post('/batches/:id/cancel', { schema: { tags, summary: 'Cancel a batch', params: BatchId, response: { 200: OpenAIBatch } } },
    async request => serializeOpenAIBatch(await cancelBatch(dependencies, request.caller, request.params.id)))
}

export default batches
