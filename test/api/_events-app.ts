import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import type pg from 'pg'
import type { Dependencies } from '../../api/dependencies.ts'
import { createAuthenticate, requireKey } from '../../api/plugins/authentication.ts'
import { installErrors } from '../../api/plugins/errors.ts'
import { compileValidator } from '../../api/plugins/validation.ts'
import { createEventFeed } from '../../api/realtime/event-feed.ts'
import { createJobFeed } from '../../api/realtime/job-feed.ts'
import { attachSocket } from '../../api/realtime/socket.ts'
import events from '../../api/routes/native/webhooks/events.ts'
import { silent } from '../lib/store/_job-fixture.ts'

export interface EventsApp { readonly app: FastifyInstance, readonly url: string, readonly port: number, stop: () => Promise<void> }

/** What one api process has of the event feed: its routes, its sockets, and a feed of its own. */
export async function startEventsApp (databaseUrl: string, pool: pg.Pool, port = 0): Promise<EventsApp> {
  const eventFeed = createEventFeed({ pool, log: silent })
  const jobFeed = createJobFeed({ databaseUrl, pool, log: silent })
  const authenticate = createAuthenticate(pool)
  const app = Fastify()
  app.decorate('dependencies', { pool, eventFeed, log: silent } as unknown as Dependencies)
  app.setValidatorCompiler(compileValidator)
  installErrors(app)
  await app.register(async scope => {
    requireKey(scope, authenticate)
    await scope.register(events)
  }, { prefix: '/api/v1' })
  const socket = attachSocket(app.server, { feed: jobFeed, eventFeed, authenticate, pool, log: silent })
  app.addHook('preClose', async () => { await socket.close() })
  await app.listen({ port, host: '127.0.0.1' })
  const address = app.server.address() as AddressInfo
  let stopped: Promise<void> | undefined
  const stop = async (): Promise<void> => {
    await app.close()
    await Promise.all([eventFeed.close(), jobFeed.close()])
  }
  return { app, url: `http://127.0.0.1:${address.port}`, port: address.port, stop: async () => { await (stopped ??= stop()) } }
}
