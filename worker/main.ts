import { setFlagsFromString } from 'node:v8'
import { NativeConnection, Worker } from '@temporalio/worker'
import { createBatchActivities } from '../activities/batch/index.ts'
import { loadConfig } from '../lib/config.ts'
import { chunkTaskQueue } from '../lib/domain/task-queues.ts'
import { createLogger } from '../lib/log.ts'
import { loadCatalog } from '../lib/providers/catalog.ts'
import { createLimiter } from '../lib/providers/limiter.ts'
import { createOpenAICompatible } from '../lib/providers/openai-compatible.ts'
import { createSlotLeases } from '../lib/providers/slot-leases.ts'
import { createPool, createPrisma } from '../lib/store/database.ts'
import { createHintPublisher } from '../lib/store/job-hints.ts'
import { createObjectStore } from '../lib/store/s3.ts'
import { createTemporalClient, registerSearchAttributes, temporalAccess } from '../lib/temporal/connect.ts'
import { connectPatiently } from './connect-patiently.ts'
import { every } from './every.ts'
import { reconcile } from './reconcile.ts'
import { createOrphanRecovery } from './recover-orphans.ts'
import { registerWorker } from './registration.ts'
import { installRuntime } from './runtime.ts'
import { createSweeps } from './sweep.ts'
import { loadWorkflowBundle } from './workflow-bundle.ts'

// V8 lets garbage grow to several times what lives before it collects; rows make much of both. This keeps 100 MB and more
// free for a few percent of CPU (bench/memory.ts).
setFlagsFromString('--heap-growing-percent=60')

const config = loadConfig()
const log = createLogger(config.logLevel, 'worker')
installRuntime(log)
const catalog = loadCatalog(config, process.env)
const pool = createPool(config.databaseUrl, log, 20)
const prisma = createPrisma(config.databaseUrl)
const objects = createObjectStore(config.s3)
const client = createTemporalClient(config)

const [connection, registration, workflowBundle] = await Promise.all([
  connectPatiently('Temporal', log, async () => await NativeConnection.connect(temporalAccess(config))),
  connectPatiently('Postgres', log, async () => await registerWorker(config.databaseUrl, log)),
  loadWorkflowBundle(config.worker.bundleFile)
])
await connectPatiently('search attributes', log, async () => { await registerSearchAttributes(client) })

const providers = new Map([...catalog.providers.values()].map(provider => [provider.name, createOpenAICompatible(provider)]))
const limiter = createLimiter({
  catalog,
  slots: createSlotLeases({
    pool,
    workerId: registration.workerId,
    limits: new Map([...catalog.providers.values()].map(provider => [provider.name, provider.maxConcurrency])),
    warn: (message, error) => { log.warn({ err: error }, message) }
  })
})
const hints = createHintPublisher(config.databaseUrl, log)
const activities = createBatchActivities({ config, pool, objects, providers, limiter, hints, workerId: registration.workerId })
const { runChunk, ...shortActivities } = activities

const common = {
  connection,
  namespace: config.temporalNamespace,
  identity: registration.identity,
  shutdownGraceTime: config.worker.shutdownGrace,
  shutdownForceTime: config.worker.shutdownGrace + 5_000,
  // a heartbeat only shows that the process lives (cancel and pause come through Postgres); 5 s without one and the work goes elsewhere
  maxHeartbeatThrottleInterval: '1500ms',
  defaultHeartbeatThrottleInterval: '1500ms'
} as const
const workers = await Promise.all([
  Worker.create({
    ...common,
    taskQueue: config.taskQueue,
    workflowBundle,
    activities: shortActivities,
    maxConcurrentActivityTaskExecutions: 20,
    // follow-up workflow tasks wait on the queue of the worker that died; the default 10 s stalls its batches that long
    stickyQueueScheduleToStartTimeout: '1s'
  }),
  Worker.create({
    ...common,
    taskQueue: chunkTaskQueue(config.taskQueue),
    activities: { runChunk },
    maxConcurrentActivityTaskExecutions: config.worker.maxChunks
  })
])

const sweeps = createSweeps({ pool, prisma, objects, client, taskQueue: config.taskQueue })
const loops = [
  every(200, 'recover orphans', log, createOrphanRecovery({ pool, client, log, workerId: registration.workerId })),
  every(500, 'sweep outbox', log, sweeps.outbox),
  every(30_000, 'reconcile', log, async () => { await reconcile({ pool, client, taskQueue: config.taskQueue, log }) }),
  every(60_000, 'sweep idempotency keys', log, sweeps.idempotencyKeys),
  every(60_000, 'sweep files and uploads', log, sweeps.files)
]

const shutdown = (signal: string): void => {
  log.info({ signal }, 'worker draining')
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
}
process.once('SIGTERM', shutdown)
process.once('SIGINT', shutdown)
log.info({ workerId: registration.workerId, models: catalog.models.size }, 'worker ready')

try {
  await Promise.all(workers.map(async worker => { await worker.run() }))
} finally {
  await Promise.all(loops.map(async loop => { await loop.close() }))
  await limiter.close()
  await hints.close()
  await Promise.all([...providers.values()].map(async provider => { await provider.close() }))
  await registration.close()
  await Promise.all([pool.end(), prisma.$disconnect(), connection.close(), client.connection.close()])
  log.info('worker stopped')
}
