import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { createAddressCheck } from '../lib/control/address-check.ts'
import { largeBody } from '../lib/gateway/large-body/index.ts'
import type { Dependencies } from './dependencies.ts'
import { answerDirectly, requestIdOf, tellDirectFailures } from './gateway/direct.ts'
import { requireKey, type Authenticate } from './plugins/authentication.ts'
import { answerClientError } from './plugins/client-errors.ts'
import { refuseEncodedBodies } from './plugins/content-encoding.ts'
import { answerBadUrl, installErrors } from './plugins/errors.ts'
import { boundReceiving } from './plugins/request-timeout.ts'
import { compileValidator, refuseDeepBodies } from './plugins/validation.ts'
import { attachSocket, jobSocketPath } from './realtime/socket.ts'
import { attachChatSocket, isForChatSocket } from './realtime/chat-socket.ts'
import { passOverOtherUpgrades } from './realtime/other-upgrades.ts'
import health from './routes/health.ts'
import metrics from './routes/metrics.ts'
import admin from './routes/native/admin/index.ts'
import jobs from './routes/native/jobs.ts'
import nativeBatch from './routes/native/batch/index.ts'
import usage from './routes/native/usage.ts'
import webhooks from './routes/native/webhooks/index.ts'
import parameters from './routes/native/parameters.ts'
import batches from './routes/openai/batches.ts'
import files from './routes/openai/files.ts'
import inference from './routes/openai/inference.ts'
import messages from './routes/openai/messages.ts'
import models from './routes/openai/models.ts'
import responses from './routes/openai/responses.ts'
import organization from './routes/openai/organization.ts'
import uploads from './routes/openai/uploads.ts'
import webhookKeys from './routes/webhook-keys.ts'
import { inferenceLogLevel } from './inference-log-level.ts'
import { createLazyRequestLog } from './lazy-request-log.ts'

declare module 'fastify' {
  interface FastifyInstance {
    dependencies: Dependencies
    authenticate: Authenticate
  }
}

/** The whole HTTP and Socket.IO surface over given dependencies. It neither listens nor reads the environment. */
export async function buildApp (dependencies: Dependencies, options: FastifyServerOptions = {}): Promise<FastifyInstance> {
  const { api } = dependencies.config
  const isTrustedProxy = createAddressCheck(api.trustedProxies)
  const app: FastifyInstance = Fastify({
    bodyLimit: Math.min(api.bodyLimit, largeBody), // more only where it is read in a thread
    requestTimeout: 0, // uploads may take long; see boundReceiving
    http: { headersTimeout: api.requestTimeout, connectionsCheckingInterval: Math.min(api.requestTimeout / 2, 30_000) },
    connectionTimeout: 0,
    keepAliveTimeout: 75_000, // longer than the usual load balancer's 60 s, so that it never sends into a closing socket
    maxRequestsPerSocket: 0,
    return503OnClosing: false, // draining requests on open connections are served
    trustProxy: api.trustedProxies.length === 0 ? false : isTrustedProxy, // else anybody could name their address
    genReqId: requestIdOf,
    requestIdHeader: false, // a caller must not choose what our logs say
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: answerClientError,
    frameworkErrors: answerBadUrl,
    childLoggerFactory: createLazyRequestLog,
    ...options
  })
  app.decorate('dependencies', dependencies)
  app.decorate('authenticate', dependencies.control.authenticate)
  app.decorate('surfaces', new Map())
  app.setValidatorCompiler(compileValidator)
  installErrors(app)
  tellDirectFailures(app)
  boundReceiving(app, api.requestTimeout)
  refuseEncodedBodies(app)
  refuseDeepBodies(app)
  app.addHook('onSend', (request, reply, _payload, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
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
  await app.register(metrics)
  await app.register(webhookKeys)
  await app.register(async scope => {
    requireKey(scope, app.authenticate)
    // what is delivered is a row of usage and metrics: two more lines for each would cost a tenth of its CPU and say nothing new
    for (const routes of [inference, messages]) await scope.register(routes, { logLevel: inferenceLogLevel(dependencies.config.logLevel) })
    for (const routes of [responses, files, uploads, models, batches, organization]) await scope.register(routes)
  }, { prefix: '/v1' })
  await app.register(async scope => {
    requireKey(scope, app.authenticate)
    for (const routes of [nativeBatch, jobs, admin, parameters, usage, webhooks]) await scope.register(routes)
  }, { prefix: '/api/v1' })
  const socket = attachSocket(app.server, {
    feed: dependencies.jobFeed, eventFeed: dependencies.eventFeed, authenticate: app.authenticate, isTrustedProxy, pool: dependencies.pool, log: dependencies.log,
    polling: api.processes === 1
  })
  const chatSocket = attachChatSocket(app, isTrustedProxy)
  passOverOtherUpgrades(app.server, url => url.startsWith(jobSocketPath) || isForChatSocket(url))
  app.addHook('preClose', async () => { await Promise.all([socket.close(), chatSocket.close()]) })
  answerDirectly(app)
  return app
}
