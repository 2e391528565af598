import { Type } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { HeaderList } from '../../lib/domain/header-list.ts'
import { pendingMigrations } from '../../lib/store/migrate.ts'
import { withDeadline } from '../../lib/temporal/with-deadline.ts'

/** ms for all checks together. */
const CHECK_TIMEOUT = 3_000

const Check = Type.Object({ ok: Type.Boolean(), reason: Type.Optional(Type.String()) })
const Readiness = Type.Object({ ready: Type.Boolean(), checks: Type.Record(Type.String(), Check) })

declare module 'fastify' {
  interface FastifyInstance {
    /** Turns readiness off; requests are still served. */
    startDraining: () => void
    /** What an answer has to say of its connection now; for those that are written past Fastify. */
    closingHeaders: () => HeaderList
  }
}

const open: HeaderList = []
const closing: HeaderList = ['connection', 'close']

/** `/livez` says that this process answers; `/readyz` that it can do its work. Neither needs a key and neither tells secrets. */
async function health (app: FastifyInstance): Promise<void> {
  const { pool, objects, temporal } = app.dependencies
  let draining = false
  app.decorate('startDraining', () => { draining = true })
  app.decorate('closingHeaders', () => draining ? closing : open)
  // closing waits for open connections: one that was busy when it began must not stay open idle afterwards
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (draining) reply.header('connection', 'close')
    done()
  })

  app.get('/livez', { logLevel: 'warn', schema: { tags: ['Health'], summary: 'The process is alive', security: [], response: { 200: Type.Object({ alive: Type.Boolean() }) } } },
    async () => ({ alive: true }))

  app.get('/readyz', { logLevel: 'warn', schema: { tags: ['Health'], summary: 'Postgres, migrations, Temporal and S3 answer', security: [], response: { 200: Readiness, 503: Readiness } } }, async (_request, reply) => {
    const checks = Object.fromEntries(await Promise.all([
      check('postgres', async () => { await pool.query('SELECT 1') }),
      check('migrations', async () => {
        const pending = await pendingMigrations(pool)
        return pending.length > 0 ? `${pending.length} not applied` : undefined
      }),
      check('temporal', async () => { await withDeadline(temporal, CHECK_TIMEOUT, async () => { await temporal.workflowService.getSystemInfo({}) }) }),
      check('s3', async () => { await objects.ping() }),
      check('accepting', async () => draining ? 'shutting down' : undefined)
    ]))
    const ready = Object.values(checks).every(result => result.ok)
    return await reply.code(ready ? 200 : 503).send({ ready, checks })
  })

  /** `probe` answers what is not as it should be. What it throws is logged and not told: it may name hosts. */
  async function check (name: string, probe: () => Promise<string | undefined | void>): Promise<[string, { ok: boolean, reason?: string }]> {
    let timer: NodeJS.Timeout | undefined
    try {
      const timeout = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => { reject(new Error('no answer in time')) }, CHECK_TIMEOUT) })
      const reason = await Promise.race([probe(), timeout])
      return [name, typeof reason === 'string' ? { ok: false, reason } : { ok: true }]
    } catch (error) {
      app.log.warn({ err: error, check: name }, 'readiness check failed')
      return [name, { ok: false, reason: 'unreachable' }]
    } finally {
      clearTimeout(timer)
    }
  }
}

// not encapsulated: the process that serves the app decides when it drains
export default plugin(health, { name: 'health' })
