import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { jobStates } from '../../../../lib/domain/job-state.ts'
import { listBatches } from '../../../../lib/store/batches.ts'
import { getBatch } from '../../../core/batches.ts'
import { OneOf } from '../../../schemas.ts'
import { NativeBatch, serializeNativeBatch } from '../../../serialize-native-batch.ts'

const tags = ['Batch (native)']
const Id = Type.Object({ id: Type.String({ maxLength: 200 }) })

const read: FastifyPluginAsyncTypebox = async app => {
  const { pool, config } = app.dependencies

  app.get('', {
    schema: {
      tags,
      summary: 'List batches, newest first',
      querystring: Type.Object({
        after: Type.Optional(Type.String({ maxLength: 200 })),
        limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
        state: Type.Optional(Type.Array(OneOf(jobStates)))
      }, { additionalProperties: false }),
      response: { 200: Type.Object({ data: Type.Array(NativeBatch), has_more: Type.Boolean(), next_after: Type.Union([Type.String(), Type.Null()]) }) }
    }
  }, async request => {
    const { state, ...page } = request.query
    const { data, hasMore } = await listBatches(pool, request.caller, { ...page, states: state })
    return {
      data: data.map(batch => serializeNativeBatch(batch, request.caller, config)),
      has_more: hasMore,
      next_after: hasMore ? data.at(-1)!.id : null
    }
  })

  app.get('/:id/status', { schema: { tags, summary: 'Where a batch stands', params: Id, response: { 200: NativeBatch } } },
    async request => serializeNativeBatch(await getBatch(pool, request.caller, request.params.id), request.caller, config))
}

export default read
