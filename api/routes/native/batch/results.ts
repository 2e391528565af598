import { Readable } from 'node:stream'
import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { hasOutputAfter, streamOutput, type OutputPage, type RowFilter } from '../../../../lib/store/batch-output.ts'
import { getBatch } from '../../../core/batches.ts'
import { OneOf } from '../../../schemas.ts'

const ResultsQuery = Type.Object({
  filter: Type.Optional(OneOf<RowFilter>(['all', 'ok', 'error'])),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'a page of at most this many lines; without it everything so far is streamed' })),
  after: Type.Integer({ minimum: 0, default: 0, description: 'input line to start behind: x-sira-next-after of the page before' })
}, { additionalProperties: false })

/** Results as JSONL in the format of output files, in the order of the input, also while the batch runs. */
const results: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies

  app.get('/:id/results', {
    exposeHeadRoute: false, // it would read every row to answer nothing
    schema: {
      tags: ['Batch (native)'],
      summary: 'Results so far, streamed or by page, as JSONL',
      params: Type.Object({ id: Type.String({ maxLength: 200 }) }),
      querystring: ResultsQuery,
      response: { 200: { description: 'one output line per row', content: { 'application/jsonl': { schema: Type.Unsafe<string | Readable>({ type: 'string' }) } } } }
    }
  }, async (request, reply) => {
    const { filter = 'all', limit, after } = request.query
    const batch = await getBatch(pool, request.caller, request.params.id)
    reply.type('application/jsonl; charset=utf-8').header('x-sira-state', batch.state)
    if (limit === undefined) {
      return await reply.send(Readable.from(texts(), { objectMode: false }))
    }
    const { value: page } = await streamOutput(pool, batch.id, filter, { from: after, limit }).next() as IteratorResult<OutputPage, undefined>
    const more = page !== undefined && await hasOutputAfter(pool, batch.id, filter, page.last)
    reply.header('x-sira-has-more', String(more))
    if (page !== undefined) reply.header('x-sira-next-after', String(page.last))
    return await reply.send(page?.text ?? '')

    async function * texts (): AsyncGenerator<string> {
      for await (const { text } of streamOutput(pool, batch.id, filter, { from: after })) yield text
    }
  })
}

export default results
