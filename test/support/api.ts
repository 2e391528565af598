import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import OpenAI, { type ClientOptions } from 'openai'
import type { Pool } from 'pg'
import { buildApp } from '../../api/app.ts'
import { createEventFeed } from '../../api/realtime/event-feed.ts'
import { createJobFeed } from '../../api/realtime/job-feed.ts'
import type { Config } from '../../lib/config.ts'
import { loadConfig } from '../../lib/config.ts'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { startControlPlane, type ControlPlane } from '../../lib/control/control-plane.ts'
import { createEncryptionKey, createKeyring } from '../../lib/crypto/seal.ts'
import { createGateway } from '../../lib/gateway/create-gateway.ts'
import type { Gateway } from '../../lib/gateway/gateway.ts'
import { createGuardedAgent } from '../../lib/outbound/guarded-agent.ts'
import { loadCatalog } from '../../lib/providers/catalog.ts'
import type { Logger } from '../../lib/log.ts'
import { createPool, createPrisma } from '../../lib/store/database.ts'
import { registerProcess } from '../../lib/store/registration.ts'
import { createHintPublisher } from '../../lib/store/job-hints.ts'
import { createObjectStore } from '../../lib/store/s3.ts'
import type { ObjectStore } from '../../lib/store/object-store.ts'
import { createTemporalClient } from '../../lib/temporal/connect.ts'
import { startSimulator, type Simulator } from '../../local/simulator/simulator.ts'
import { startTestWorker } from './api-worker.ts'
import { testEnvironment } from './config.ts'
import { cloneDatabase } from './database.ts'
import { silentLog } from './pool.ts'
import { createTestTenant } from './tenant.ts'

export interface TestApi {
  /** Without a path. */
  readonly url: string
  readonly app: FastifyInstance
  readonly config: Config
  readonly pool: Pool
  readonly control: ControlPlane
  readonly objects: ObjectStore
  readonly gateway: Gateway
  readonly simulator: Simulator
  readonly key: string
  readonly caller: Caller
  /** OpenAI's own client, of the test's tenant unless told otherwise; retries are off so that an unexpected failure shows. */
  readonly openai: (key?: string, options?: ClientOptions) => OpenAI
  /** Starts a worker process; resolves when it is ready. `close` ends it. */
  readonly startWorker: () => Promise<void>
  readonly close: () => Promise<void>
}

/** Receivers of tests are on this machine. */
const localReceivers = { SIRA_WEBHOOK_ALLOW_HTTP: 'true', SIRA_WEBHOOK_ALLOW_PORTS: 'any', SIRA_WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8' }

interface Options {
  /** Environment variables of api and worker. */
  readonly variables?: Readonly<Record<string, string>>
  /** Also starts a worker process. Without one, accepted batches stay queued. */
  readonly worker?: boolean
  /** ms of every simulated call; 0 unless given. */
  readonly latency?: number
  /** Of app and control plane, for a test that reads it; silent unless given. */
  readonly log?: Logger
}

/**
 * The product as it is served: the whole app, listening, on a database, a bucket and a task queue of its own, with the
 * simulator as its provider. One per test file: `test.before` starts it, `test.after.always` closes it.
 */
export async function startTestApi ({ variables = {}, worker = false, latency = 0, log = silentLog }: Options = {}): Promise<TestApi> {
  const [database, simulator] = await Promise.all([cloneDatabase(), startSimulator({ seed: 1, latency })])
  const environment = testEnvironment({ DATABASE_URL: database.url, SIRA_SIMULATOR_URL: simulator.url, SIRA_ENCRYPTION_KEYS: createEncryptionKey('test'), ...localReceivers, ...variables })
  const config = loadConfig(environment)
  const pool = createPool(config.databaseUrl, silentLog)
  const prisma = createPrisma(config.databaseUrl)
  const objects = createObjectStore(config.s3)
  const temporal = createTemporalClient(config)
  const jobFeed = createJobFeed({ databaseUrl: config.databaseUrl, pool, log: silentLog })
  const eventFeed = createEventFeed({ pool, log: silentLog })
  const policy = config.webhooks.outbound
  const outbound = { policy, agent: createGuardedAgent(policy, { connectTimeout: 2_000 }) }
  const hints = createHintPublisher(config.databaseUrl, silentLog)
  const { encryptionKeys, outageGrace } = config.control
  const keyring = encryptionKeys === null ? null : createKeyring(encryptionKeys)
  const control = await startControlPlane({ pool, fileCatalog: loadCatalog(config, environment), keyring, log, outageGrace })
  let stopWorker: (() => Promise<void>) | undefined
  const startWorker = async (): Promise<void> => { stopWorker = await startTestWorker(environment) }
  const [{ caller, key }] = await Promise.all([createTestTenant(pool), objects.prepare(), worker ? startWorker() : null])
  const registration = await registerProcess(config.databaseUrl, silentLog)
  const { gateway, metrics, close: closeGateway } = await createGateway({ config, pool, control, processId: registration.processId, log: silentLog })
  const { registry } = metrics
  const app = await buildApp({
    config, pool, prisma, objects, catalog: control.catalog, control, keyring, outbound, gateway, metrics: registry, readMetrics: async () => await registry.metrics(), temporal, jobFeed, eventFeed, hints, log
  })
  await app.listen({ host: config.api.host, port: config.api.port })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  return {
    url, app, config, pool, control, gateway, objects, simulator, key, caller, startWorker,
    openai: (apiKey = key, options = {}) => new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0, ...options }),
    async close () {
      const workerStopped = stopWorker?.()
      await workerStopped?.catch(() => {}) // told below, when nothing keeps this process from ending
      app.server.closeAllConnections()
      await app.close()
      await closeGateway()
      await registration.close()
      await Promise.all([jobFeed.close(), eventFeed.close(), hints.close(), control.close(), outbound.agent.destroy(), simulator.close()])
      await Promise.all([pool.end(), prisma.$disconnect(), temporal.connection.close()])
      await database.drop()
      await workerStopped
    }
  }
}

/** One HTTP call as the tenant of the test, or with another key; null = without any. The body of the answer is parsed if it is JSON. */
export async function call (
  api: Pick<TestApi, 'url' | 'key'>, method: string, path: string,
  { body, key = api.key, headers = {} }: { body?: unknown, key?: string | null, headers?: Readonly<Record<string, string>> } = {}
): Promise<Answer> {
  const response = await fetch(api.url + path, {
    method,
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    signal: AbortSignal.timeout(20_000),
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) })
  })
  const text = await response.text()
  const isJson = /[/+]json(;|$)/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, text, body: (isJson ? JSON.parse(text) : {}) as Answer['body'] }
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // what a test expects of a body is what it asserts
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any
}
