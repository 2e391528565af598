import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { messagesError } from '../../lib/dialects/messages/error.ts'
import { SiraError } from '../../lib/errors.ts'
import { ObjectStoreUnavailable } from '../../lib/store/object-store.ts'
import { isOutage } from '../../lib/store/retry-outage.ts'
import { collectMethods } from './allowed-methods.ts'

export type Dialect = 'openai' | 'anthropic' | 'native'

/** Which dialect an URL speaks: `/v1/messages` is Anthropic's, the rest of `/v1/*` OpenAI's, everything else ours. */
export function dialectOf (url: string): Dialect {
  if (/^\/v1\/messages(?![^/?])/.test(url)) return 'anthropic'
  return url.startsWith('/v1/') || url === '/v1' ? 'openai' : 'native'
}

export function contentTypeOf (dialect: Dialect): string {
  return `application/${dialect === 'native' ? 'problem+json' : 'json'}; charset=utf-8`
}

/** One error in the words of a dialect: OpenAI's envelope, Anthropic's, or problem+json of RFC 9457. */
export function errorBody (error: SiraError, dialect: Dialect, requestId: string): object {
  if (dialect === 'anthropic') return messagesError(error.upstream?.code ?? error.code, error.message, error.status, requestId)
  if (dialect === 'openai') {
    return { error: { message: error.message, type: error.type, param: error.param, code: error.upstream?.code ?? error.code } }
  }
  return {
    type: `urn:sira:error:${error.code}`,
    title: error.code.replaceAll('_', ' '),
    status: error.status,
    detail: error.message,
    code: error.code,
    params: error.params,
    ...(error.param === null ? {} : { param: error.param }),
    request_id: requestId
  }
}

/** Before any route: what is registered earlier has no methods to name in a 405. */
export function installErrors (app: FastifyInstance): void {
  const methodsOf = collectMethods(app)
  app.setErrorHandler(async (thrown: FastifyError | SiraError, request, reply) => {
    const error = toSiraError(thrown, request.routeOptions.bodyLimit)
    if (error.status >= 500) request.log.error({ err: thrown, code: error.code }, 'request failed')
    await sendError(error, request, reply)
  })
  app.setNotFoundHandler(async (request, reply) => {
    const { method } = request
    const path = request.url.split('?')[0]!
    const allowed = methodsOf(path)
    const url = path.slice(0, 200)
    if (allowed.length === 0) return await sendError(new SiraError('unknown_route', { method, url }), request, reply)
    reply.header('allow', allowed.join(', '))
    await sendError(new SiraError('method_not_allowed', { method, url }), request, reply)
  })
}

/** For Fastify's `frameworkErrors`: URLs that its router cannot take, which never reach the error handler. */
export function answerBadUrl (_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void sendError(new SiraError('invalid_request', { reason: 'The URL cannot be decoded, or a part of it is too long.' }), request, reply)
}

export async function sendError (error: SiraError, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const dialect = dialectOf(request.url)
  reply.header('x-request-id', request.id)
  // the OpenAI SDKs repeat 408, 409, 429 and 5xx unless told not to
  if (!error.retryable) reply.header('x-should-retry', 'false')
  reply.headers(error.headers)
  if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter))
  await reply.code(error.status)
    .type(contentTypeOf(dialect))
    .send(JSON.stringify(errorBody(error, dialect, request.id)))
}

/** Everything that can be thrown, as an error for the caller. What is not meant for callers becomes internal_error and says nothing more. */
export function toSiraError (thrown: FastifyError | SiraError, bodyLimit = 0): SiraError {
  if (thrown instanceof SiraError) return thrown
  if (thrown.validation !== undefined) return fromValidation(thrown)
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': return new SiraError('payload_too_large', { limit: bodyLimit })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE': return new SiraError('unsupported_media_type', { header: 'Content-Type', value: 'of this request' })
    case 'FST_ERR_CTP_EMPTY_JSON_BODY': return new SiraError('invalid_json', { reason: 'it is empty' })
    case 'FST_ERR_CTP_INVALID_JSON_BODY': return new SiraError('invalid_json', { reason: 'it cannot be parsed' })
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH': return new SiraError('invalid_request', { reason: 'The body is not as long as Content-Length says.' })
  }
  if (thrown.name === 'SyntaxError' && thrown.statusCode === 400) return new SiraError('invalid_json', { reason: thrown.message })
  if (typeof thrown.statusCode === 'number' && thrown.statusCode >= 400 && thrown.statusCode < 500) return new SiraError('invalid_request', { reason: thrown.message })
  // Postgres' character_not_in_repertoire: an id or a name that no stored one can have
  if ((thrown as { code?: unknown }).code === '22021') return new SiraError('invalid_request', { reason: 'A text has a zero byte in it.' })
  if (thrown instanceof ObjectStoreUnavailable) return new SiraError('unavailable', { dependency: 'The object store' }, { retryAfter: 2, cause: thrown })
  if (isOutage(thrown)) return new SiraError('unavailable', { dependency: 'The database' }, { retryAfter: 2, cause: thrown })
  if (thrown.name === 'ServiceError') return new SiraError('unavailable', { dependency: 'The workflow engine' }, { retryAfter: 2, cause: thrown })
  return new SiraError('internal_error', {}, { cause: thrown })
}

/** The first fault of Ajv, naming the field in the caller's spelling: `metadata.team`, `limit`. */
function fromValidation (error: FastifyError): SiraError {
  const fault = error.validation![0]!
  const path = fault.instancePath.split('/').slice(1).map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (fault.keyword === 'required') {
    const missing = [...path, String((fault.params as { missingProperty?: unknown, requiredProperties?: string[] }).missingProperty ?? (fault.params as { requiredProperties?: string[] }).requiredProperties?.[0])]
    return new SiraError('missing_parameter', { param: missing.join('.') })
  }
  const extra = (fault.params as { additionalProperty?: unknown }).additionalProperty
  const param = (typeof extra === 'string' ? [...path, extra] : path).join('.') || (error.validationContext ?? 'body')
  const allowed = (fault.params as { allowedValues?: unknown[] }).allowedValues
  const reason = typeof extra === 'string' ? 'this field is not known.' : allowed === undefined ? `it ${fault.message ?? 'is invalid'}.` : `it must be one of ${allowed.map(String).join(', ')}.`
  return new SiraError('invalid_parameter', { param, reason }, { param })
}
