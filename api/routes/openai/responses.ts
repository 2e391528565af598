import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ResponsesBody } from '../../../lib/dialects/responses/schema.ts'
import type { Item } from '../../../lib/dialects/responses/index.ts'
import { SiraError } from '../../../lib/errors.ts'
import { deliver } from '../../core/batches.ts'
import { openJobWebhook } from '../../core/job-webhook.ts'
import { acceptResponse, cancelResponse, getResponse, removeResponse, responseText } from '../../core/responses.ts'
import { keepBodyText } from '../../gateway/body-text.ts'
import { followResponse } from '../../gateway/follow-response.ts'
import { withPreset } from '../../gateway/read-request.ts'
import { serveResponse } from '../../gateway/serve-response.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import { createOnce } from '../../plugins/idempotency.ts'
import { OneOf } from '../../schemas.ts'

const ResponseId = Type.Object({ id: Type.String({ maxLength: 200 }) })
const tags = ['Responses']

/** OpenAI's responses over any model. Stored ones are kept here, whoever served them; background ones are durable jobs. */
const responses: FastifyPluginAsyncTypebox = async app => {
  keepBodyText(app)
  requireScopeOf(app, 'inference')
  const { dependencies } = app

  app.post('/responses', { logLevel: 'warn', schema: { tags, summary: 'Create a response', body: ResponsesBody } }, async (request, reply) => {
    if (request.body.background !== true) {
      if (request.body.webhook_url != null) throw refused('webhook_url', 'it is for background responses: give background=true.')
      return await serveResponse(dependencies, request, reply)
    }
    // what tells of the response is no part of the request that is kept and sent on
    const { webhook_url: url, webhook_secret: own, ...body } = withPreset(request, dependencies.gateway.state()).body as typeof request.body
    if (url != null && own == null && body.stream === true) throw refused('webhook_secret', 'it is needed with stream=true: a stream has no place to tell a secret that is made.')
    const webhook = await openJobWebhook(dependencies, request, { webhook_url: url, webhook_secret: own }, 'response.*')
    let start
    const answer = await createOnce(dependencies.pool, request, reply, async client => {
      const accepted = await acceptResponse(dependencies, client, request.caller, body)
      start = accepted.start
      const response = JSON.parse(responseText(accepted.record)) as object
      return { status: 200, headers: {}, body: JSON.stringify({ ...response, ...await webhook.add(client, accepted.record.id) }) }
    })
    if (start !== undefined) await deliver(dependencies, start, request.log)
    const { id } = JSON.parse(answer.body) as { id: string }
    if (body.stream === true) return await followResponse(dependencies, request, reply, id, -1)
    return await reply.type('application/json; charset=utf-8').send(await webhook.reveal(answer))
  })

  app.get('/responses/:id', {
    schema: {
      tags,
      summary: 'Get a response, or follow a background one from an event on',
      params: ResponseId,
      querystring: Type.Object({ stream: Type.Optional(Type.Boolean()), starting_after: Type.Optional(Type.Integer({ minimum: 0 })) })
    }
  }, async (request, reply) => {
    const record = await getResponse(dependencies, request.caller, request.params.id)
    if (request.query.stream !== true) return await reply.type('application/json; charset=utf-8').send(responseText(record))
    if (!record.background) throw new SiraError('invalid_request', { reason: 'Only a response created with background=true can be streamed again.' })
    return await followResponse(dependencies, request, reply, record.id, request.query.starting_after ?? -1)
  })

  app.delete('/responses/:id', { schema: { tags, summary: 'Delete a response', params: ResponseId } }, async request => {
    await removeResponse(dependencies, request.caller, request.params.id)
    return { id: request.params.id, object: 'response', deleted: true }
  })

  app.post('/responses/:id/cancel', { schema: { tags, summary: 'Cancel a background response', params: ResponseId } }, async (request, reply) => {
    const record = await cancelResponse(dependencies, request.caller, request.params.id)
    return await reply.type('application/json; charset=utf-8').send(responseText(record))
  })

  app.get('/responses/:id/input_items', {
    schema: {
      tags,
      summary: 'List what a response was asked',
      params: ResponseId,
      querystring: Type.Object({
        after: Type.Optional(Type.String({ maxLength: 200 })),
        limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
        order: Type.Optional(OneOf(['asc', 'desc'] as const))
      })
    }
  }, async request => {
    const record = await getResponse(dependencies, request.caller, request.params.id)
    const items = JSON.parse(record.input) as Item[]
    if (request.query.order !== 'asc') items.reverse()
    const from = request.query.after === undefined ? 0 : items.findIndex(item => item.id === request.query.after) + 1
    const data = items.slice(from, from + request.query.limit)
    return { object: 'list', data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: from + data.length < items.length }
  })
}

function refused (param: string, reason: string): SiraError {
  return new SiraError('invalid_parameter', { param, reason }, { param })
}

export default responses
