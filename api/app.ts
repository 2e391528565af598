import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { newId } from '../lib/ids.ts'
import type { Dependencies } from './dependencies.ts'
import { createAuthenticate, requireKey, type Authenticate } from './plugins/authentication.ts'
import { answerClientError } from './plugins/client-errors.ts'
import { answerBadUrl, installErrors } from './plugins/errors.ts'
import { boundReceiving } from './plugins/request-timeout.ts'
import { compileValidator, refuseDeepBodies } from './plugins/validation.ts'
import { attachSocket } from './realtime/socket.ts'
import health from './routes/health.ts'
import jobs from './routes/native/jobs.ts'
import nativeBatch from './routes/native/batch/index.ts'
import batches from './routes/openai/batches.ts'
import files from './routes/openai/files.ts'
import models from './routes/openai/models.ts'
import uploads from './routes/openai/uploads.ts'

declare module 'fastify' {
  interface FastifyInstance {
    dependencies: Dependencies
    authenticate: Authenticate
  }
}

/** The whole HTTP and Socket.IO surface over given dependencies. It neither listens nor reads the environment. */
export async function buildApp (dependencies: Dependencies, options: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const { api } = dependencies.config
  const app: FastifyInstance = Fastify({
    bodyLimit: api.bodyLimit,
    requestTimeout: 0, // uploads may take long; see boundReceiving
    http: { headersTimeout: api.requestTimeout, connectionsCheckingInterval: Math.min(api.requestTimeout / 2, 30_000) },
    connectionTimeout: 0,
    keepAliveTimeout: 75_000, // longer than the usual load balancer's 60 s, so that it never sends into a closing socket
    maxRequestsPerSocket: 0,
    return503OnClosing: false, // draining requests on open connections are served
    genReqId: () => newId('request'),
    requestIdHeader: false, // a caller must not choose what our logs say
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerBadUrl,
    ...options
  })
  app.decorate('dependencies', dependencies)
  app.decorate('authenticate', createAuthenticate(dependencies.pool))
  app.setValidatorCompiler(compileValidator)
  installErrors(app)
  boundReceiving(app, api.requestTimeout)
  refuseDeepBodies(app)
  app.addHook('onSend', async (request, reply) => { reply.header('x-request-id', request.id) })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sira', version: '0.1.0', description: 'OpenAI-compatible API (/v1) and native API (/api/v1).' },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }]
    },
    transform: ({ schema, url }) => ({ schema, url: url.replace(/\*$/, ':model') }) // OpenAPI has no word for a wildcard
  })
  await app.register(swaggerUi, { routePrefix: '/docs' })
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger())
  await app.register(health)
  await app.register(async scope => {
    requireKey(scope, app.authenticate)
    for (const routes of [files, uploads, models, batches]) await scope.register(routes)
  }, { prefix: '/v1' })
  await app.register(async scope => {
    requireKey(scope, app.authenticate)
    for (const routes of [nativeBatch, jobs]) await scope.register(routes)
  }, { prefix: '/api/v1' })
  const socket = attachSocket(app.server, { feed: dependencies.jobFeed, authenticate: app.authenticate, pool: dependencies.pool, log: dependencies.log })
  app.addHook('preClose', async () => { await socket.close() })
  return app
}
