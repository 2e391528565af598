import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'
import Fastify, { type FastifyInstance } from 'fastify'
import type pg from 'pg'
import type { Dependencies } from '../../api/dependencies.ts'
import { createAuthenticate, requireKey } from '../../api/plugins/authentication.ts'
import { installErrors } from '../../api/plugins/errors.ts'
import { compileValidator } from '../../api/plugins/validation.ts'
import { createJobFeed, type JobFeed } from '../../api/realtime/job-feed.ts'
import jobs from '../../api/routes/native/jobs.ts'
import { loadConfig } from '../../lib/config.ts'
import { createHintPublisher, type HintPublisher } from '../../lib/store/job-hints.ts'
import { openDatabase, silent } from '../lib/store/_job-fixture.ts'

export interface JobsApp { readonly app: FastifyInstance, readonly url: string, readonly pool: pg.Pool, readonly hints: HintPublisher, readonly subscriptions: ReadonlySet<object> }

/** The routes of jobs with what they need of the app, listening. */
export async function openJobsApp (t: ExecutionContext): Promise<JobsApp> {
  const { url: databaseUrl, pool } = await openDatabase(t)
  const feed = createJobFeed({ databaseUrl, pool, log: silent })
  const subscriptions = new Set<object>()
  const jobFeed: JobFeed = {
    ...feed,
    subscribe (jobId, after, listener) {
      const unsubscribe = feed.subscribe(jobId, after, listener)
      subscriptions.add(unsubscribe)
      return () => {
        subscriptions.delete(unsubscribe)
        unsubscribe()
      }
    }
  }
  const hints = createHintPublisher(databaseUrl, silent)
  const config = loadConfig({ DATABASE_URL: databaseUrl, TEMPORAL_UI_URL: 'http://127.0.0.1:8233/' })
  const app = Fastify()
  app.decorate('dependencies', { pool, config, jobFeed, log: silent } as unknown as Dependencies)
  app.setValidatorCompiler(compileValidator)
  installErrors(app)
  await app.register(async scope => {
    requireKey(scope, createAuthenticate(pool))
    await scope.register(jobs)
  }, { prefix: '/api/v1' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(async () => {
    await app.close()
    await jobFeed.close()
    await hints.close()
  })
  return { app, url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/api/v1`, pool, hints, subscriptions }
}
