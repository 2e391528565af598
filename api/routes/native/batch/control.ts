import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { cancelBatch, pauseBatch, resumeBatch } from '../../../core/batches.ts'
import { removeBatch } from '../../../core/delete-batch.ts'
import { NativeBatch, serializeNativeBatch } from '../../../serialize-native-batch.ts'

const tags = ['Batch (native)']
const Id = Type.Object({ id: Type.String({ maxLength: 200 }) })

const control: FastifyPluginAsyncTypebox = async app => {
  const { dependencies } = app
  const actions = [
    { url: '/cancel/:id', summary: 'Cancel a batch; calls in flight get a grace and partial results stay', act: cancelBatch },
    { url: '/:id/pause', summary: 'Make no further calls until the batch is resumed', act: pauseBatch },
    { url: '/:id/resume', summary: 'Go on with a paused batch', act: resumeBatch }
  ]
  for (const { url, summary, act } of actions) {
    app.post(url, { schema: { tags, summary, params: Id, response: { 200: NativeBatch } } },
      async request => serializeNativeBatch(await act(dependencies, request.caller, request.params.id), request.caller, dependencies.config))
  }

  app.delete('/:id', { schema: { tags, summary: 'Remove a finished batch and its files', params: Id, response: { 204: Type.Null() } } }, async (request, reply) => {
    await removeBatch(dependencies, request.caller, request.params.id)
    return await reply.code(204).send(null)
  })
}

export default control
