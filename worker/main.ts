import { setFlagsFromString } from 'node:v8'
import { NativeConnection, Worker } from '@temporalio/worker'
import { createBatchActivities } from '../activities/batch/index.ts'
import { createResponseActivities } from '../activities/response/index.ts'
import { createWebhookDelivery } from '../activities/webhooks/index.ts'
import { createReplayActivities } from '../activities/webhook-replay/index.ts'
import { loadConfig } from '../lib/config.ts'
import { startControlPlane } from '../lib/control/control-plane.ts'
import { rotateDueKeys } from '../lib/control/rotate-keys.ts'
import { createKeyring } from '../lib/crypto/seal.ts'
import { chunkTaskQueue, responseTaskQueue, webhookTaskQueue } from '../lib/domain/task-queues.ts'
import { createGateway } from '../lib/gateway/create-gateway.ts'
import { createLogger } from '../lib/log.ts'
import { createGuardedAgent } from '../lib/outbound/guarded-agent.ts'
import { loadCatalog } from '../lib/providers/catalog.ts'
import { createLimiter } from '../lib/providers/limiter.ts'
import { createProviderPool } from '../lib/providers/provider-pool.ts'
import { createSlotLeases } from '../lib/providers/slot-leases.ts'
import { createPool, createPrisma } from '../lib/store/database.ts'
import { createHintPublisher } from '../lib/store/job-hints.ts'
import { registerProcess } from '../lib/store/registration.ts'
import { createObjectStore } from '../lib/store/s3.ts'
import { sendToWorkflow } from '../lib/temporal/send-to-workflow.ts'
import { createTemporalClient, registerSearchAttributes, temporalAccess } from '../lib/temporal/connect.ts'
import { connectPatiently } from './connect-patiently.ts'
import { every } from './every.ts'
import { createFanOutLoop } from './fan-out.ts'
import { reconcile } from './reconcile.ts'
import { createOrphanRecovery } from './recover-orphans.ts'
import { installRuntime } from './runtime.ts'
import { createUsageSweep } from './sweep-usage.ts'
import { createSweeps } from './sweep.ts'
import { loadWorkflowBundle } from './workflow-bundle.ts'

// V8 lets garbage grow to several times what lives before it collects; rows make much of both. This keeps 100 MB and more
// free for a few percent of CPU (bench/memory.ts).
setFlagsFromString('--heap-growing-percent=60')

const config = loadConfig()
const log = createLogger(config.logLevel, 'worker')
installRuntime(log)
const { encryptionKeys, outageGrace } = config.control
const keyring = encryptionKeys === null ? null : createKeyring(encryptionKeys)
const fileCatalog = loadCatalog(config, process.env)
const pool = createPool(config.databaseUrl, log, 20)
const prisma = createPrisma(config.databaseUrl)
const objects = createObjectStore(config.s3)
const client = createTemporalClient(config)

const [connection, registration, workflowBundle] = await Promise.all([
  connectPatiently('Temporal', log, async () => await NativeConnection.connect(temporalAccess(config))),
  connectPatiently('Postgres', log, async () => await registerProcess(config.databaseUrl, log)),
  loadWorkflowBundle(config.worker.bundleFile)
])
await connectPatiently('search attributes', log, async () => { await registerSearchAttributes(client) })

const control = await startControlPlane({ pool, fileCatalog, keyring, log, outageGrace })
const { catalog } = control
const providers = createProviderPool(catalog)
const limiter = createLimiter({
  catalog,
  slots: createSlotLeases({
    pool,
    workerId: registration.processId,
    limits: { get: name => catalog.providers.get(name)?.maxConcurrency },
    warn: (message, error) => { log.warn({ err: error }, message) }
  })
})
const { gateway, close: closeGateway } = await createGateway({ config, pool, control, processId: registration.processId, log })
const hints = createHintPublisher(config.databaseUrl, log)
const activities = createBatchActivities({
  config, pool, objects, providers, limiter, hints, workerId: registration.processId,
  spending: { budgets: gateway.budgets, budgetsOf: owner => control.state().budgetsOf({ ...owner, scopes: [] }) }
})
const { runChunk, ...shortActivities } = activities
const { runResponse, failResponse } = createResponseActivities({ pool, gateway })
const webhookAgent = createGuardedAgent(config.webhooks.outbound, { connectTimeout: Math.min(10_000, config.webhooks.timeout) })
const webhooks = createWebhookDelivery({ config, pool, agent: webhookAgent, keyring, log, workerId: registration.processId })
const replayActivities = createReplayActivities({
  pool,
  hints,
  async send (entry) {
    await sendToWorkflow(client, pool, config.taskQueue, entry).catch((error: unknown) => {
      log.warn({ err: error, resource: entry.resourceId, action: entry.action }, 'left to the outbox sweeper')
    })
  }
})

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
    activities: { ...shortActivities, failResponse, ...replayActivities },
    maxConcurrentActivityTaskExecutions: 20,
    // follow-up workflow tasks wait on the queue of the worker that died; the default 10 s stalls its batches that long
    stickyQueueScheduleToStartTimeout: '1s'
  }),
  Worker.create({
    ...common,
    taskQueue: chunkTaskQueue(config.taskQueue),
    activities: { runChunk },
    maxConcurrentActivityTaskExecutions: config.worker.maxChunks
  }),
  Worker.create({
    ...common,
    taskQueue: responseTaskQueue(config.taskQueue),
    activities: { runResponse },
    maxConcurrentActivityTaskExecutions: 500
  }),
  Worker.create({
    ...common,
    taskQueue: webhookTaskQueue(config.taskQueue),
    activities: { deliverDue: webhooks.deliverDue },
    // one for each endpoint that is being delivered to: those whose receivers hang take no places of others
    maxConcurrentActivityTaskExecutions: 1_000,
    // a thousand heartbeats every 1.5 s would be most of what Temporal does; dead workers are noticed by their leases
    maxHeartbeatThrottleInterval: '10s',
    defaultHeartbeatThrottleInterval: '10s'
  })
])

const sweeps = createSweeps({ pool, prisma, objects, client, taskQueue: config.taskQueue })
const loops = [
  every(50, 'fan out events', log, createFanOutLoop({ pool, client, taskQueue: config.taskQueue, log, hint: webhooks.hint })),
  every(200, 'recover orphans', log, createOrphanRecovery({ pool, client, log, workerId: registration.processId })),
  every(500, 'sweep outbox', log, sweeps.outbox),
  every(30_000, 'reconcile', log, async () => { await reconcile({ pool, client, taskQueue: config.taskQueue, log }) }),
  every(60_000, 'rotate keys', log, async () => { await rotateDueKeys({ pool, keyring, log }) }),
  every(60_000, 'sweep idempotency keys', log, sweeps.idempotencyKeys),
  every(60_000, 'sweep files and uploads', log, sweeps.files),
  every(5_000, 'sweep responses', log, sweeps.responses),
  every(60_000, 'sweep events and webhooks', log, sweeps.webhooks),
  every(60_000, 'sweep usage', log, createUsageSweep({ pool, log, retentionDays: config.usage.retentionDays }))
]

const shutdown = (signal: string): void => {
  log.info({ signal }, 'worker draining')
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown()
}
process.once('SIGTERM', shutdown)
process.once('SIGINT', shutdown)
log.info({ workerId: registration.processId, models: catalog.models.size }, 'worker ready')

try {
  await Promise.all(workers.map(async worker => { await worker.run() }))
} finally {
  await Promise.all(loops.map(async loop => { await loop.close() }))
  await limiter.close()
  await webhookAgent.close()
  await closeGateway()
  await control.close()
  await hints.close()
  await providers.close()
  await registration.close()
  await Promise.all([pool.end(), prisma.$disconnect(), connection.close(), client.connection.close()])
  log.info('worker stopped')
}
