import { Type, type FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ResponsesBody } from '../../../lib/dialects/responses/schema.ts'
import { SiraError } from '../../../lib/errors.ts'
import { deliver } from '../../core/batches.ts'
import { openJobWebhook } from '../../core/job-webhook.ts'
import { cancelResponse, checkBackground, getResponse, isBackground, listItems, removeResponse, responseText } from '../../core/responses.ts'
import { acceptBackground } from '../../gateway/accept-background.ts'
import { keepBodyText } from '../../gateway/body-text.ts'
import { followResponse } from '../../gateway/follow-response.ts'
import { cancelLarge, isLarge, listLarge, ownerOf, readLarge } from '../../gateway/large-response/index.ts'
import { withPreset } from '../../gateway/read-request.ts'
import { serveResponse } from '../../gateway/serve-response.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import { answerOnce } from '../../plugins/idempotency.ts'
import { createKeyWatch } from '../../realtime/key-watch.ts'
import { OneOf } from '../../schemas.ts'
import { inferenceLogLevel } from '../../inference-log-level.ts'

const ResponseId = Type.Object({ id: Type.String({ maxLength: 200 }) })
const tags = ['Responses']
const json = 'application/json; charset=utf-8'

/** OpenAI's responses over any model. Stored ones are kept here, whoever served them; background ones are durable jobs. */
const responses: FastifyPluginAsyncTypebox = async app => {
  keepBodyText(app, url => url === '/v1/responses' ? url : null)
  requireScopeOf(app, 'inference')
  const { dependencies } = app
  const keys = createKeyWatch(dependencies.pool, app.log)
  const shutdown = new AbortController()
  const ends = { keys, draining: shutdown.signal }
  app.addHook('preClose', async () => {
    shutdown.abort(new SiraError('draining'))
    await keys.close()
  })
  const logLevel = inferenceLogLevel(dependencies.config.logLevel)
  const { pool, config: { databaseUrl, api: { bodyLimit } } } = dependencies

  app.post('/responses', { logLevel, bodyLimit, schema: { tags, summary: 'Create a response', body: ResponsesBody } }, async (request, reply) => {
    if (request.body.background !== true) {
      if (request.body.webhook_url != null) throw refused('webhook_url', 'it is for background responses: give background=true.')
      return await serveResponse(dependencies, request, reply)
    }
    // what tells of the response is no part of the request that is kept and sent on
    const { webhook_url: url, webhook_secret: own, ...body } = withPreset(request, '/v1/responses', dependencies.gateway.state()).body as typeof request.body
    if (url != null && own == null && body.stream === true) throw refused('webhook_secret', 'it is needed with stream=true: a stream has no place to tell a secret that is made.')
    // before anything is made, whose id a stream that is cut off at its start could not tell
    if (body.stream === true) shutdown.signal.throwIfAborted()
    checkBackground(dependencies, request.caller, body)
    const webhook = await openJobWebhook(dependencies, request, { webhook_url: url, webhook_secret: own }, 'response.*')
    const { answer, id, text, start } = await acceptBackground(dependencies, request, body, webhook)
    answerOnce(reply, answer)
    if (start !== null) await deliver(dependencies, start, request.log)
    if (body.stream === true) return await followResponse(dependencies, ends, request, reply, { id, after: -1 })
    return await reply.type(json).send(text)
  })

  app.get('/responses/:id', {
    schema: {
      tags,
      summary: 'Get a response, or follow a background one from an event on',
      params: ResponseId,
      querystring: Type.Object({ stream: Type.Optional(Type.Boolean()), starting_after: Type.Optional(Type.Integer({ minimum: 0 })) })
    }
  }, async (request, reply) => {
    const { caller, params: { id }, query } = request
    if (query.stream !== true) {
      const text = await isLarge(pool, caller, id) ? await readLarge({ databaseUrl, tenant: ownerOf(caller), id }) : responseText(await getResponse(dependencies, caller, id))
      return await reply.type(json).send(text)
    }
    shutdown.signal.throwIfAborted()
    if (!await isBackground(dependencies, caller, id)) throw new SiraError('invalid_request', { reason: 'Only a response created with background=true can be streamed again.' })
    return await followResponse(dependencies, ends, request, reply, { id, after: query.starting_after ?? -1 })
  })

  app.delete('/responses/:id', { schema: { tags, summary: 'Delete a response', params: ResponseId } }, async request => {
    await removeResponse(dependencies, request.caller, request.params.id)
    return { id: request.params.id, object: 'response', deleted: true }
  })

  app.post('/responses/:id/cancel', { schema: { tags, summary: 'Cancel a background response', params: ResponseId } }, async (request, reply) => {
    const { caller, params: { id } } = request
    const text = await isLarge(pool, caller, id) ? await cancelLarge({ databaseUrl, tenant: ownerOf(caller), id }) : responseText(await cancelResponse(dependencies, caller, id))
    return await reply.type(json).send(text)
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
  }, async (request, reply) => {
    const { caller, params: { id }, query: page } = request
    if (await isLarge(pool, caller, id)) return await reply.type(json).send(await listLarge({ databaseUrl, tenant: ownerOf(caller), id, page }))
    return listItems(await getResponse(dependencies, caller, id), page)
  })
}

function refused (param: string, reason: string): SiraError {
  return new SiraError('invalid_parameter', { param, reason }, { param })
}

export default responses
