import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import test from 'ava'
import { buildApp } from '../../api/app.ts'
import type { Dependencies } from '../../api/dependencies.ts'
import { createPool } from '../../lib/store/database.ts'
import { createObjectStore } from '../../lib/store/s3.ts'
import { createTemporalClient } from '../../lib/temporal/connect.ts'
import { freePort } from '../../local/engines/ports.ts'
import { call, startTestApi, type TestApi } from '../support/api.ts'
import { openTestPool, silentLog } from '../support/pool.ts'

// Serial, because building apps side by side keeps the checks' answers waiting.

let api: TestApi
let closedPort: number
test.before(async () => { [api, closedPort] = await Promise.all([startTestApi(), freePort()]) })
test.after.always(async () => { await api.close() })

type App = Awaited<ReturnType<typeof buildApp>>

/** The app with some of its dependencies replaced by ones that do not answer. */
async function withBroken (t: { teardown: (undo: () => Promise<void>) => void }, broken: Partial<Dependencies>): Promise<App> {
  const app = await buildApp({ ...api.app.dependencies, ...broken })
  t.teardown(async () => { await app.close() })
  return app
}

const deadPool = (): Dependencies['pool'] => createPool(`postgresql://sira:hunter2@127.0.0.1:${closedPort}/sira`, silentLog)
const deadObjects = (): Dependencies['objects'] => createObjectStore({ ...api.config.s3, endpoint: `http://127.0.0.1:${closedPort}` })
const deadTemporal = (): Dependencies['temporal'] => createTemporalClient({ ...api.config, temporalAddress: `127.0.0.1:${closedPort}` })
const leak = /hunter2|127\.0\.0\.1|ECONN|refused|postgres:|node:|\.ts:/

test.serial('the process is alive even when nothing it needs answers', async t => {
  const app = await withBroken(t, { pool: deadPool(), objects: deadObjects(), temporal: deadTemporal() })
  const answer = await app.inject('/livez')
  t.is(answer.statusCode, 200)
  t.deepEqual(answer.json(), { alive: true })
})

test.serial('the process is ready when everything it needs answers', async t => {
  const answer = await call(api, 'GET', '/readyz', { key: null })
  t.is(answer.status, 200)
  const ok = { ok: true }
  t.deepEqual(answer.body, { ready: true, checks: { postgres: ok, migrations: ok, temporal: ok, s3: ok, accepting: ok } })
})

const missing: ReadonlyArray<readonly [what: string, broken: () => Partial<Dependencies>, checks: string[]]> = [
  ['Postgres', () => ({ pool: deadPool() }), ['postgres', 'migrations']],
  ['S3', () => ({ objects: deadObjects() }), ['s3']],
  ['the bucket', () => ({ objects: createObjectStore({ ...api.config.s3, bucket: 'no-such-bucket' }) }), ['s3']],
  ['Temporal', () => ({ temporal: deadTemporal() }), ['temporal']]
]
for (const [what, broken, checks] of missing) {
  test.serial(`readiness is 503 and names the check when it misses ${what}, without details`, async t => {
    const app = await withBroken(t, broken())
    const answer = await app.inject('/readyz')
    t.is(answer.statusCode, 503)
    const body = answer.json<{ ready: boolean, checks: Record<string, { ok: boolean, reason?: string }> }>()
    t.false(body.ready)
    t.deepEqual(Object.keys(body.checks).filter(name => !body.checks[name]!.ok), checks)
    t.true(checks.every(name => body.checks[name]!.reason === 'unreachable'))
    t.notRegex(answer.body, leak)
  })
}

test.serial('readiness counts the migrations that are not applied', async t => {
  const { pool } = await openTestPool(t)
  await pool.query('DELETE FROM _prisma_migrations')
  const answer = await (await withBroken(t, { pool })).inject('/readyz')
  t.is(answer.statusCode, 503)
  t.regex(answer.json<{ checks: { migrations: { reason: string } } }>().checks.migrations.reason, /^\d+ not applied$/)
})

test.serial('a draining process is not ready but serves', async t => {
  const app = await withBroken(t, {})
  app.startDraining()
  const answer = await app.inject('/readyz')
  t.is(answer.statusCode, 503)
  t.deepEqual(answer.json<{ checks: object }>().checks, { postgres: { ok: true }, migrations: { ok: true }, temporal: { ok: true }, s3: { ok: true }, accepting: { ok: false, reason: 'shutting down' } })
  const headers = { authorization: `Bearer ${api.key}` }
  const models = await app.inject({ url: '/v1/models', headers })
  t.like([models.statusCode, models.headers.connection], [200, 'close'])
  // these are written past Fastify
  for (const stream of [false, true]) {
    const answered = await app.inject({ method: 'POST', url: '/v1/chat/completions', headers, payload: { model: 'sim-instant', messages: [{ role: 'user', content: 'hi' }], stream } })
    t.like([answered.statusCode, answered.headers.connection], [200, 'close'])
  }
})

for (const [dialect, url] of [['openai', '/v1/batches'], ['native', '/api/v1/batch']] as const) {
  test.serial(`an outage of the database is 503 with Retry-After in the ${dialect} envelope and tells no details`, async t => {
    const app = await withBroken(t, { pool: deadPool() })
    const answer = await app.inject({ url, headers: { authorization: `Bearer ${api.key}` } })
    t.is(answer.statusCode, 503)
    const body = answer.json<{ code: string, error: { code: string, type: string } }>()
    t.is(dialect === 'openai' ? body.error.code : body.code, 'unavailable')
    t.is(answer.headers['retry-after'], '2')
    t.is(answer.headers['x-should-retry'], undefined)
    t.regex(String(answer.headers['x-request-id']), /^req_/)
    t.notRegex(answer.body, leak)
  })

  test.serial(`a bug is 500 in the ${dialect} envelope and tells nothing but the request id`, async t => {
    const pool = { query: async () => { throw new TypeError('cannot read secret_column of /srv/app/lib/store.ts:12') } } as unknown as Dependencies['pool']
    const app = await withBroken(t, { pool })
    const answer = await app.inject({ url, headers: { authorization: `Bearer ${api.key}` } })
    t.is(answer.statusCode, 500)
    const body = answer.json<{ code: string, error: { code: string } }>()
    t.is(dialect === 'openai' ? body.error.code : body.code, 'internal_error')
    t.notRegex(answer.body, /secret_column|store|TypeError|srv/)
  })
}

test.serial('an outage of Temporal does not refuse a batch: it is kept for the sweeper, soon', async t => {
  const app = await withBroken(t, { temporal: deadTemporal() })
  const started = performance.now()
  const answer = await app.inject({
    method: 'POST', url: '/v1/batches', headers: { authorization: `Bearer ${api.key}` }, payload: { input_file_id: 'file-none', endpoint: '/v1/embeddings', completion_window: '24h' }
  })
  t.is(answer.statusCode, 200)
  // a second, by api/core/batches.ts; Temporal's client alone would go on trying for as long as this
  t.true(performance.now() - started < 8_000)
  const { id } = answer.json<{ id: string }>()
  t.is((await api.pool.query("SELECT FROM outbox WHERE resource_id = $1 AND action = 'start'", [id])).rowCount, 1)
})

test.serial('an outage of S3 is 503 for inline requests, and nothing of the batch stays', async t => {
  const app = await withBroken(t, { objects: deadObjects() })
  const answer = await app.inject({
    method: 'POST', url: '/api/v1/batch', headers: { authorization: `Bearer ${api.key}` },
    payload: { endpoint: '/v1/embeddings', requests: [{ custom_id: 'a', body: { model: 'sim-embed', input: 'x' } }], metadata: { from: 'outage' } }
  })
  t.is(answer.statusCode, 503)
  t.notRegex(answer.body, leak)
  t.is((await api.pool.query("SELECT FROM job WHERE metadata ->> 'from' = 'outage'")).rowCount, 0)
})

interface Operation {
  summary?: string
  tags?: string[]
  operationId?: string
  security?: unknown[]
  parameters?: Array<{ name: string, in: string, required?: boolean, schema: object }>
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { description: string, content?: Record<string, { schema?: object }> }>
}

test.serial('the OpenAPI document describes every operation, with schemas that compile', async t => {
  const { status, body: document } = await call(api, 'GET', '/openapi.json', { key: null })
  t.is(status, 200)
  t.is(document.openapi, '3.1.0')
  t.truthy(document.info.title && document.info.version)
  const ajv = new Ajv2020({ strict: false })
  addFormats.default(ajv as unknown as Parameters<typeof addFormats.default>[0])
  ajv.addFormat('binary', true)
  const ids: string[] = []
  const compile = (schema: object | undefined, where: string): void => { if (schema !== undefined) t.notThrows(() => ajv.compile(schema), where) }
  for (const [path, methods] of Object.entries(document.paths as Record<string, Record<string, Operation>>)) {
    t.regex(path, /^\/[\w./{}-]*[\w}]$/, path)
    for (const [method, operation] of Object.entries(methods)) {
      const where = `${method} ${path}`
      t.truthy(operation.summary, where)
      t.true((operation.tags ?? []).length > 0, where)
      if (operation.operationId !== undefined) ids.push(operation.operationId)
      const inPath = (operation.parameters ?? []).filter(parameter => parameter.in === 'path')
      t.deepEqual(inPath.map(parameter => parameter.name).sort(), [...path.matchAll(/\{(\w+)\}/g)].map(match => match[1]!).sort(), where)
      t.true(inPath.every(parameter => parameter.required === true), where)
      t.true(Object.keys(operation.responses).some(code => /^2\d\d$/.test(code)), where)
      for (const parameter of operation.parameters ?? []) compile(parameter.schema, `${where} ${parameter.name}`)
      for (const { schema } of Object.values(operation.requestBody?.content ?? {})) compile(schema, `${where} body`)
      for (const [code, response] of Object.entries(operation.responses)) {
        t.is(typeof response.description, 'string', where)
        for (const { schema } of Object.values(response.content ?? {})) compile(schema, `${where} ${code}`)
      }
      t.is(operation.security === undefined, path.includes('/v1/') || path === '/metrics', `${where}: only what needs no key says so`)
    }
  }
  t.is(new Set(ids).size, ids.length)
  t.deepEqual(document.security, [{ key: [] }])
  t.like(document.components.securitySchemes.key, { type: 'http', scheme: 'bearer' })
})

test.serial('the documentation is a page that anybody can open', async t => {
  const page = await call(api, 'GET', '/docs', { key: null })
  t.is(page.status, 200)
  t.regex(page.headers.get('content-type')!, /^text\/html/)
  t.regex(page.text, /swagger-ui/)
})
