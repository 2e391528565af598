import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import pg from 'pg'
import { startService } from '../../local/services.ts'
import { startSimulator } from '../../local/simulator/simulator.ts'
import { testEnvironment } from '../support/config.ts'
import { openTestPool } from '../support/pool.ts'
import { createTestTenant } from '../support/tenant.ts'
import { call } from '../support/api.ts'

test('an api process that cannot register yet admits no request for a model, and does once it is registered', async t => {
  const { pool, url: databaseUrl } = await openTestPool(t)
  const [simulator, folder] = await Promise.all([startSimulator({ seed: 1, latency: 0 }), mkdtemp(join(tmpdir(), 'sira-api-'))])
  const logFile = join(folder, 'api.log')
  const { key, caller } = await createTestTenant(pool)
  await pool.query("INSERT INTO usage_limit (id, organization_id, subject_kind, subject_id, concurrency) VALUES ('l1', $1, 'key', $2, 1)", [caller.organizationId, caller.keyId])
  const holder = new pg.Client({ connectionString: databaseUrl })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('LOCK TABLE worker')
  const listening = /listening at (http:[^"]+)/
  const api = await startService({
    name: 'api',
    program: 'dist/api/server.js',
    env: { ...process.env, ...testEnvironment({ DATABASE_URL: databaseUrl, SIRA_SIMULATOR_URL: simulator.url }), LOG_LEVEL: 'info' },
    logFile,
    isReady: async log => listening.test(log),
    stopDeadline: 30_000
  }, () => {})
  t.teardown(async () => {
    await holder.end()
    await api.stop()
    await simulator.close()
    await rm(folder, { recursive: true })
  })
  const served = { url: listening.exec(await readFile(logFile, 'utf8'))![1]!, key }
  const chat = async () => await call(served, 'POST', '/v1/chat/completions', { body: { model: 'sim-instant', messages: [{ role: 'user', content: 'hi' }] } })
  t.is((await call(served, 'GET', '/v1/models')).status, 200, 'the key is known')
  const refused = await chat()
  t.like([refused.status, refused.body.error], [503, { code: 'unavailable' }])
  t.is(refused.headers.get('retry-after'), '1')
  t.is((await pool.query('SELECT FROM provider_lease')).rowCount, 0)

  await holder.query('COMMIT')
  let answer = await chat()
  for (const start = performance.now(); answer.status === 503 && performance.now() - start < 15_000; answer = await chat()) await sleep(50)
  t.is(answer.status, 200, answer.text)
  t.is((await pool.query('SELECT FROM worker')).rowCount, 1)
})
