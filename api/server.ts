import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import { loadConfig } from '../lib/config.ts'
import { createLogger } from '../lib/log.ts'
import { loadCatalog } from '../lib/providers/catalog.ts'
import { createPool, createPrisma } from '../lib/store/database.ts'
import { createHintPublisher } from '../lib/store/job-hints.ts'
import { ensureBootstrapTenant } from '../lib/store/keys.ts'
import { throughOutage } from '../lib/store/retry-outage.ts'
import { createObjectStore } from '../lib/store/s3.ts'
import { createTemporalClient } from '../lib/temporal/connect.ts'
import { buildApp } from './app.ts'
import { createJobFeed } from './realtime/job-feed.ts'

const config = loadConfig()
const log = createLogger(config.logLevel, 'api')
const catalog = loadCatalog(config, process.env)
const pool = createPool(config.databaseUrl, log)
const prisma = createPrisma(config.databaseUrl)
const objects = createObjectStore(config.s3)
const temporal = createTemporalClient(config)
const jobFeed = createJobFeed({ databaseUrl: config.databaseUrl, pool, log })
const hints = createHintPublisher(config.databaseUrl, log)

const app = await buildApp({ config, pool, prisma, objects, catalog, temporal, jobFeed, hints, log }, { loggerInstance: log })

/** ms; an orchestrator's usual 30 s less a margin. */
closeWithGrace({ delay: 25_000, logger: log }, async ({ signal, err }) => {
  if (err !== undefined) log.error({ err }, 'api fails')
  log.info({ signal }, 'api draining')
  app.startDraining()
  await sleep(config.api.drainDelay) // readiness is down: load balancers look elsewhere before the listener closes
  await app.close()
  await Promise.all([jobFeed.close(), hints.close()])
  await Promise.all([pool.end(), prisma.$disconnect(), temporal.connection.close()])
})

await app.listen({ host: config.api.host, port: config.api.port })
const { adminKey } = config.api
// Postgres may come up later than this process; until then readiness is down
if (adminKey !== null) await throughOutage(async () => { await ensureBootstrapTenant(pool, { adminKey }) })
