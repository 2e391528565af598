import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import closeWithGrace from 'close-with-grace'
import { loadConfig } from '../lib/config.ts'
import type { ControlState } from '../lib/contracts/allowance.ts'
import { applyAccess, loadAccess } from '../lib/control/config-file.ts'
import { startControlPlane } from '../lib/control/control-plane.ts'
import { createKeyring } from '../lib/crypto/seal.ts'
import { SiraError } from '../lib/errors.ts'
import { createGateway } from '../lib/gateway/create-gateway.ts'
import { newId } from '../lib/ids.ts'
import { createLogger } from '../lib/log.ts'
import { createGuardedAgent } from '../lib/outbound/guarded-agent.ts'
import { loadCatalog } from '../lib/providers/catalog.ts'
import { createPool, createPrisma } from '../lib/store/database.ts'
import { createHintPublisher } from '../lib/store/job-hints.ts'
import { ensureBootstrapTenant } from '../lib/store/keys.ts'
import { registerPatiently } from '../lib/store/register-patiently.ts'
import { throughOutage } from '../lib/store/retry-outage.ts'
import { createObjectStore } from '../lib/store/s3.ts'
import { createTemporalClient } from '../lib/temporal/connect.ts'
import { buildApp } from './app.ts'
import { joinMetrics } from './cluster-metrics.ts'
import { createEventFeed } from './realtime/event-feed.ts'
import { createJobFeed } from './realtime/job-feed.ts'

/** ms that the start waits for the registration; afterwards it goes on alone, and requests for a model are refused until it is there. */
const REGISTRATION_PATIENCE = 3_000

// V8 lets garbage grow to several times what lives (66 MB under load) before it collects. So memory stays flat under load; what
// it costs in CPU is less than the noise of a machine (docs/decisions/0038).
setFlagsFromString('--heap-growing-percent=100')

const config = loadConfig()
const log = createLogger(config.logLevel, 'api')
const fileCatalog = loadCatalog(config, process.env)
const access = loadAccess(config.configFile, process.env)
const { encryptionKeys, outageGrace } = config.control
const keyring = encryptionKeys === null ? null : createKeyring(encryptionKeys)
const pool = createPool(config.databaseUrl, log)
const prisma = createPrisma(config.databaseUrl)
const objects = createObjectStore(config.s3)
const temporal = createTemporalClient(config)
const jobFeed = createJobFeed({ databaseUrl: config.databaseUrl, pool, log })
const eventFeed = createEventFeed({ pool, log })
const policy = config.webhooks.outbound
const outbound = { policy, agent: createGuardedAgent(policy, { connectTimeout: Math.min(10_000, config.webhooks.timeout) }) }
const hints = createHintPublisher(config.databaseUrl, log)
const control = await startControlPlane({ pool, fileCatalog, keyring, log, outageGrace })

const processId = newId('worker')
// Postgres may come up later than this process, so the start does not wait for it for long
const registration = registerPatiently(config.databaseUrl, log, processId)
await registration.wait(REGISTRATION_PATIENCE)
const { gateway, metrics: { registry }, close: closeGateway } = await createGateway({ config, pool, control: { ...control, state: stateWhenRegistered }, processId, log })
const readMetrics = cluster.isWorker ? joinMetrics(registry, log) : async () => await registry.metrics()

const app = await buildApp({
  config, pool, prisma, objects, catalog: control.catalog, control, keyring, outbound, gateway, metrics: registry, readMetrics, temporal, jobFeed, eventFeed, hints, log
}, { loggerInstance: log })

// one of several processes may get a signal twice: from the primary, and from a terminal or a service manager that signals all of a group.
// The second would cut off what is under way; who wants that kills the primary
let draining = false
const signals = cluster.isWorker ? ['SIGTERM', 'SIGINT'] as const : []
/** ms; an orchestrator's usual 30 s less a margin. */
const grace = closeWithGrace({ delay: 25_000, logger: log, skip: [...signals] }, async ({ signal, err }) => {
  if (err !== undefined) log.error({ err }, 'api fails')
  log.info({ signal }, 'api draining')
  app.startDraining()
  await sleep(config.api.drainDelay) // readiness is down: load balancers look elsewhere before the listener closes
  await app.close()
  await closeGateway()
  await registration.close()
  await Promise.all([jobFeed.close(), eventFeed.close(), hints.close(), control.close(), outbound.agent.close()])
  await Promise.all([pool.end(), prisma.$disconnect(), temporal.connection.close()])
})

for (const signal of signals) {
  process.on(signal, () => {
    if (!draining) grace.close()
    draining = true
  })
}

await app.listen({ host: config.api.host, port: config.api.port })
const { adminKey } = config.api
// Postgres may come up later than this process; until then readiness is down
if (adminKey !== null) await throughOutage(async () => { await ensureBootstrapTenant(pool, { adminKey }) })
if (access !== null) await throughOutage(async () => { await applyAccess(pool, access) })

/**
 * What a request is admitted by. Before the registration the others count this process as dead and give its slots and money
 * away: nothing is admitted on them.
 */
function stateWhenRegistered (): ControlState {
  if (!registration.isDone()) throw new SiraError('unavailable', { dependency: 'The database' }, { retryAfter: 1 })
  return control.state()
}
