import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startControlPlane } from '../../lib/control/control-plane.ts'
import { createPool } from '../../lib/store/database.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { silentLog } from '../support/pool.ts'
import { quickestOf } from '../support/quickest.ts'
import { createTestTenant } from '../support/tenant.ts'

let api: TestApi
/** One key of each kind in one organization, and the administrator of another. */
let keys: Record<'admin' | 'organization' | 'ordinary' | 'usage' | 'stranger', string>

test.before(async () => {
  api = await startTestApi()
  const { key: admin } = await createTestTenant(api.pool, ['admin'])
  const { key: organization, caller } = await createTestTenant(api.pool, ['organization'])
  const { key: stranger } = await createTestTenant(api.pool, ['organization'])
  const make = async (scopes: string[]): Promise<string> => (await post('/keys', { name: 'made', scopes, project_id: caller.projectId }, admin)).body.key as string
  keys = { admin, organization, stranger, ordinary: await make([]), usage: await make(['usage']) }
})
test.after.always(async () => { await api.close() })

const send = async (method: string, path: string, key: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  await call(api, method, `/api/v1${path}`, { key, headers, ...(body === undefined ? {} : { body }) })
const post = async (path: string, body: unknown, key: string, headers: Record<string, string> = {}): Promise<Answer> => await send('POST', path, key, body, headers)
const get = async (path: string, key: string): Promise<Answer> => await send('GET', path, key)
let counter = 0
const unique = (): string => `n${++counter}`
const provider = async (): Promise<string> => (await post('/providers', { name: unique(), kind: 'openai', base_url: 'https://up.example/v1' }, keys.admin)).body.name as string

test('every administrative route needs its scope, and tells which', async t => {
  const routes: ReadonlyArray<readonly [scope: 'admin' | 'organization' | 'inference' | null, ...routes: string[]]> = [
    ['admin', 'POST /organizations', 'GET /organizations', 'GET /organizations/x', 'PATCH /organizations/x', 'DELETE /organizations/x',
      'POST /providers', 'GET /providers', 'GET /providers/x', 'PATCH /providers/x', 'DELETE /providers/x',
      'POST /providers/x/credentials', 'GET /providers/x/credentials', 'DELETE /providers/x/credentials/x',
      'POST /models', 'GET /models', 'GET /models/x', 'PATCH /models/x', 'DELETE /models/x',
      'POST /deployments', 'GET /deployments', 'GET /deployments/x', 'PATCH /deployments/x', 'DELETE /deployments/x'],
    ['organization', 'POST /projects', 'GET /projects', 'GET /projects/x', 'PATCH /projects/x', 'DELETE /projects/x',
      'POST /keys', 'GET /keys', 'GET /keys/x', 'PATCH /keys/x', 'DELETE /keys/x', 'POST /keys/x/rotate', 'POST /keys/x/claim',
      'POST /limits', 'GET /limits', 'GET /limits/x', 'PATCH /limits/x', 'DELETE /limits/x',
      'POST /budgets', 'GET /budgets', 'GET /budgets/x', 'PATCH /budgets/x', 'DELETE /budgets/x'],
    ['inference', 'POST /presets', 'GET /presets', 'GET /presets/x', 'PATCH /presets/x', 'DELETE /presets/x'],
    [null, 'GET /me']
  ]
  const documented = Object.entries((api.app.swagger() as { paths: Record<string, Record<string, { tags?: string[] }>> }).paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, { tags }]) => tags?.[0] === 'Administration').map(([method]) => `${method.toUpperCase()} ${path.replace('/api/v1', '').replace(/\{\w+\}/g, 'x')}`))
  t.deepEqual(documented.sort(), routes.flatMap(([, ...names]) => names).sort())
  const may = { admin: ['admin', 'organization', 'inference'], organization: ['organization', 'inference'], ordinary: ['inference'], usage: [] as string[], stranger: ['organization', 'inference'] }
  for (const [scope, ...names] of routes) {
    for (const route of names) {
      const [method, path] = route.split(' ') as [string, string]
      for (const [holder, key] of Object.entries(keys)) {
        const answer = await send(method, path, key, method === 'POST' || method === 'PATCH' ? {} : undefined)
        const what = `${route} as ${holder}: ${answer.status}`
        if (scope === null || may[holder as keyof typeof may].includes(scope)) {
          t.true([200, 400, 404].includes(answer.status), what)
        } else {
          t.is(answer.status, 403, what)
          t.like(answer.body, { code: 'insufficient_scope', params: { scope } }, what)
        }
      }
    }
  }
})

test('a key is made, shown without its text, changed and revoked, each at once', async t => {
  const made = await post('/keys', { name: 'worker', scopes: ['batch'], models: ['sim-*'], allowed_ips: ['127.0.0.0/8', '::1'], cache_ttl_seconds: 60, expires_at: '2100-01-01T00:00:00Z' }, keys.organization)
  t.is(made.status, 201, made.text)
  const { id, key } = made.body as { id: string, key: string }
  t.regex(key, /^sira_/)
  const shown = (await get(`/keys/${id}`, keys.organization)).body
  t.like(shown, { id, name: 'worker', scopes: ['batch'], models: ['sim-*'], allowed_ips: ['127.0.0.0/8', '::1'], cache_ttl_seconds: 60, expires_at: '2100-01-01T00:00:00.000Z', revoked_at: null, managed_by: 'api' })
  t.is(shown.secrets[0].hint, key.slice(-4))
  t.false(JSON.stringify(shown).includes(key.slice(5, 30)))
  t.is((await get('/jobs', key)).status, 200)
  t.like((await get('/me', key)).body, { key_id: id, scopes: ['batch'], models: ['sim-*'], cache_ttl_seconds: 60 })
  t.is((await call(api, 'GET', '/v1/files', { key })).body.error.code, 'insufficient_scope')
  t.is((await send('PATCH', `/keys/${id}`, keys.organization, { scopes: ['files'], models: null })).status, 200)
  t.is((await get('/jobs', key)).status, 403)
  t.is((await call(api, 'GET', '/v1/files', { key })).status, 200)
  t.truthy((await send('DELETE', `/keys/${id}`, keys.organization)).body.revoked_at)
  t.is((await call(api, 'GET', '/v1/files', { key })).status, 401)
  t.is((await post(`/keys/${id}/rotate`, {}, keys.organization)).body.code, 'state_conflict')
})

test('a key works only from its addresses, and a forwarded address counts only from a trusted proxy', async t => {
  const { key } = (await post('/keys', { name: 'elsewhere', allowed_ips: ['203.0.113.0/24'] }, keys.organization)).body as { key: string }
  const refused = await get('/me', key)
  t.like([refused.status, refused.body], [403, { code: 'address_not_allowed', params: { address: '127.0.0.1' } }])
  t.is((await send('GET', '/me', key, undefined, { 'x-forwarded-for': '203.0.113.9' })).status, 403)
  t.is((await post('/keys', { name: 'bad', allowed_ips: ['10.0.0.0/33'] }, keys.organization)).body.param, 'allowed_ips')
})

test('a rotated key gets a new text, and the old one works until its overlap ends, in another process too', async t => {
  const pool = createPool(api.config.databaseUrl, silentLog)
  const other = await startControlPlane({ pool, fileCatalog: api.control.fileCatalog, keyring: null, log: silentLog, outageGrace: 60_000 })
  const made = (await post('/keys', { name: 'rotated' }, keys.organization)).body as { id: string, key: string }
  t.truthy(await other.authenticate(made.key))
  const rotated = await post(`/keys/${made.id}/rotate`, { overlap_seconds: 4 }, keys.organization)
  t.is(rotated.status, 201)
  const { key } = rotated.body as { key: string }
  t.not(key, made.key)
  t.is(rotated.body.secrets.length, 2)
  for (const text of [key, made.key]) {
    t.is((await get('/me', text)).status, 200)
    t.truthy(await other.authenticate(text))
  }
  await sleep(4_050)
  t.is((await get('/me', made.key)).status, 401)
  t.is(await other.authenticate(made.key), null)
  t.is((await get('/me', key)).status, 200)
  // at once, where no overlap is wanted
  let latest = key
  const took = await quickestOf(3, async () => {
    const before = latest
    t.truthy(await other.authenticate(before))
    latest = ((await send('POST', `/keys/${made.id}/rotate`, keys.organization, { overlap_seconds: 0 })).body as { key: string }).key
    const start = performance.now()
    t.is((await get('/me', before)).status, 401)
    t.is((await get('/me', latest)).status, 200)
    while (await other.authenticate(before) !== null) await sleep(20)
    return performance.now() - start
  })
  t.true(took < 1_000, `${took} ms`)
  // a body is not needed
  t.is((await send('POST', `/keys/${made.id}/rotate`, keys.organization)).status, 201)
  await other.close()
  await pool.end()
})

test('no key gets by making, changing, rotating or revoking keys what it does not have', async t => {
  const { caller: root, key: rootKey } = await createTestTenant(api.pool, ['admin'])
  const { key: local } = (await post('/keys', { name: 'organization', scopes: ['organization'] }, rootKey)).body as { key: string }
  for (const attempt of [
    await post('/keys', { name: 'x', scopes: ['admin'] }, local),
    await post('/keys', { name: 'x', scopes: ['batch', 'admin'] }, local),
    await post(`/keys/${root.keyId}/rotate`, {}, local),
    await post(`/keys/${root.keyId}/claim`, {}, local),
    await send('PATCH', `/keys/${root.keyId}`, local, { name: 'mine' }),
    await send('PATCH', `/keys/${root.keyId}`, local, { scopes: [] }),
    await send('DELETE', `/keys/${root.keyId}`, local)
  ]) t.like([attempt.status, attempt.body], [403, { code: 'insufficient_scope', params: { scope: 'admin' } }])
  const ordinary = (await post('/keys', { name: 'ordinary' }, local)).body as { id: string }
  t.is((await send('PATCH', `/keys/${ordinary.id}`, local, { scopes: ['admin'] })).status, 403)
  // a list of models is not escaped either
  const { key: narrow } = (await post('/keys', { name: 'narrow', scopes: ['organization'], models: ['sim-*'] }, local)).body as { key: string }
  for (const models of [null, ['*'], ['sim-fast', 'other']]) t.is((await post('/keys', { name: 'x', models }, narrow)).body.code, 'model_not_allowed')
  t.is((await send('PATCH', `/keys/${ordinary.id}`, narrow, { models: null })).body.code, 'model_not_allowed')
  t.is((await post('/keys', { name: 'x', models: ['sim-f*'] }, narrow)).status, 201)
  t.is((await post('/keys', { name: 'x' }, narrow)).body.code, 'model_not_allowed')
  const { id: narrowest } = (await post('/keys', { name: 'x', models: ['sim-fast'] }, narrow)).body as { id: string }
  t.is((await post(`/keys/${narrowest}/rotate`, {}, narrow)).status, 201)
  for (const action of ['rotate', 'claim']) t.is((await post(`/keys/${ordinary.id}/${action}`, {}, narrow)).body.code, 'model_not_allowed', action)
  // nor are organizations
  t.is((await post('/projects', { name: 'x', organization_id: root.organizationId }, keys.stranger)).status, 404)
  t.is((await post('/keys', { name: 'x', project_id: root.projectId }, keys.stranger)).status, 404)
  t.is((await post('/limits', { kind: 'model', subject_id: 'sim-fast', organization_id: null, concurrency: 1 }, keys.stranger)).body.code, 'insufficient_scope')
  for (const [kind, id] of [['project', root.projectId], ['key', root.keyId]] as const) {
    t.is((await post('/limits', { kind, subject_id: id, concurrency: 1 }, keys.stranger)).status, 404)
    t.is((await post('/budgets', { kind, subject_id: id, period: 'day', amount: '0' }, keys.stranger)).status, 404)
  }
  t.is((await get('/me', rootKey)).status, 200)
})

test('an archived project and organization take their keys with them, and one\'s own cannot be archived', async t => {
  const organization = (await post('/organizations', { name: 'Acme' }, keys.admin)).body as { id: string }
  const project = (await post('/projects', { name: 'One', organization_id: organization.id }, keys.admin)).body as { id: string }
  const { key } = (await post('/keys', { name: 'a', project_id: project.id, scopes: ['organization'] }, keys.admin)).body as { key: string }
  t.like((await get('/projects', key)).body.data, [{ id: project.id, name: 'One', organization_id: organization.id }])
  t.is((await send('PATCH', `/projects/${project.id}`, key, { name: 'Two' })).body.name, 'Two')
  t.is((await send('DELETE', `/projects/${project.id}`, key)).status, 400)
  t.is((await send('DELETE', `/organizations/${organization.id}`, keys.admin)).status, 204)
  t.is((await get('/projects', key)).status, 401)
  t.truthy((await get(`/organizations/${organization.id}`, keys.admin)).body.archived_at)
})

test('a provider, its credentials, a model and deployments make a model usable, without a restart', async t => {
  const name = await provider()
  const credential = await post(`/providers/${name}/credentials`, { name: 'first', secret: 'sk-first' }, keys.admin)
  t.deepEqual(Object.keys(credential.body).sort(), ['created_at', 'expires_at', 'id', 'name', 'retire_at'])
  const model = unique()
  t.is((await post('/models', { id: model, max_attempts: 2, context_window: 1000 }, keys.admin)).status, 201)
  t.false(api.control.catalog.models.has(model))
  const deployment = await post('/deployments', { model_id: model, provider: name, upstream: 'up', prices: { input: 0.4, output: '1.6' } }, keys.admin)
  t.is(deployment.status, 201, deployment.text)
  t.like(api.control.catalog.models.get(model), { provider: name, upstream: 'up', contextWindow: 1000, prices: { input: 400_000n, output: 1_600_000n }, policy: { maxAttempts: 2 } })
  t.deepEqual(api.control.catalog.providers.get(name)?.credentials, [{ id: credential.body.id, secret: 'sk-first' }])
  t.deepEqual((await get(`/models/${model}`, keys.admin)).body, { id: model, settings: { max_attempts: 2, context_window: 1000 }, deployments: [deployment.body.id], managed_by: 'api' })
  t.is((await send('PATCH', `/deployments/${deployment.body.id}`, keys.admin, { priority: 3, prices: {} })).body.priority, 3)
  t.is(api.control.catalog.models.get(model)?.prices.input, null)
  t.is((await send('PATCH', `/models/${model}`, keys.admin, { max_attempts: null })).body.settings.max_attempts, undefined)
  // a rotation of the credential: the new one is used, and the old one no more once its time is over
  await post(`/providers/${name}/credentials`, { name: 'second', secret: 'sk-second', retire_others_after_seconds: 0 }, keys.admin)
  t.deepEqual(api.control.catalog.providers.get(name)?.credentials.map(({ secret }) => secret), ['sk-second'])
  t.is((await get(`/providers/${name}/credentials`, keys.admin)).body.data.length, 2)
  // nobody gets a stored credential by naming another server
  t.is((await send('PATCH', `/providers/${name}`, keys.admin, { base_url: 'https://evil.example/v1' })).body.param, 'base_url')
  t.is((await send('PATCH', `/providers/${name}`, keys.admin, { base_url: 'https://up.example/v2', max_concurrency: 9 })).body.max_concurrency, 9)
  t.is((await send('DELETE', `/providers/${name}`, keys.admin)).body.code, 'state_conflict')
  t.is((await send('DELETE', `/models/${model}`, keys.admin)).status, 204)
  t.false(api.control.catalog.models.has(model))
  t.is((await send('DELETE', `/providers/${name}`, keys.admin)).status, 204)
  const { rows } = await api.pool.query('SELECT 1 FROM provider_credential WHERE provider = $1', [name])
  t.is(rows.length, 0)
})

test('what the configuration file says is shown and cannot be changed', async t => {
  const [model] = api.control.fileCatalog.models.keys()
  const [name] = api.control.fileCatalog.providers.keys()
  t.is((await get(`/models/${model}`, keys.admin)).body.managed_by, 'config')
  t.true((await get('/providers', keys.admin)).body.data.some((row: { name: string, managed_by: string }) => row.name === name && row.managed_by === 'config'))
  for (const answer of [
    await post('/models', { id: model }, keys.admin), await send('PATCH', `/models/${model}`, keys.admin, { max_attempts: 1 }), await send('DELETE', `/models/${model}`, keys.admin),
    await post('/providers', { name, kind: 'openai', base_url: 'https://x.example' }, keys.admin), await send('PATCH', `/providers/${name}`, keys.admin, { max_concurrency: 1 }),
    await send('DELETE', `/providers/${name}`, keys.admin), await post(`/providers/${name}/credentials`, { name: 'a', secret: 'b' }, keys.admin),
    await post('/deployments', { model_id: model, provider: name }, keys.admin)
  ]) t.like([answer.status, answer.body], [409, { code: 'managed_by_config' }])
})

test('providers are reached by https, and what makes no sense is refused with its field', async t => {
  const cases: ReadonlyArray<readonly [path: string, body: object, param: string]> = [
    ['/providers', { name: 'a', kind: 'openai', base_url: 'http://up.example/v1' }, 'base_url'],
    ['/providers', { name: 'a', kind: 'ollama' }, 'base_url'],
    ['/providers', { name: 'a', kind: 'openai', base_url: 'https://user:pw@up.example/v1' }, 'base_url'],
    ['/providers', { name: 'a', kind: 'openai', base_url: 'https://up.example/v1?key=1' }, 'base_url'],
    ['/providers', { name: 'a', kind: 'nobody', base_url: 'https://up.example' }, 'kind'],
    ['/models', { id: 'a b' }, 'id'],
    ['/models', { id: 'a', unknown: 1 }, 'unknown'],
    ['/deployments', { model_id: 'nobody', provider: 'x' }, 'model_id'],
    ['/deployments', { model_id: 'nobody', provider: 'x', prices: { input: -1 } }, 'prices.input'],
    ['/limits', { kind: 'organization', subject_id: 'x' }, 'requests_per_minute'],
    ['/budgets', { kind: 'organization', subject_id: 'x', period: 'day', amount: '1e-30' }, 'amount'],
    ['/keys', { name: 'a', expires_at: '2001-01-01T00:00:00Z' }, 'expires_at'],
    ['/keys', { name: '\u0000' }, 'name'],
    ['/presets', { name: 'a', parameters: { stop: '\u0000' } }, 'parameters'],
    ['/presets', { name: 'a', parameters: { stop: 'x'.repeat(20_000) } }, 'parameters']
  ]
  for (const [path, body, param] of cases) {
    const answer = await post(path, body, keys.admin)
    t.like([answer.status, answer.body.param], [400, param], `${path} ${JSON.stringify(body).slice(0, 100)}: ${answer.text}`)
  }
  t.is((await get('/keys/%00', keys.admin)).status, 400)
})

test('limits and budgets are set for one\'s own, told exactly, and hold at once', async t => {
  const { key, caller } = await createTestTenant(api.pool, ['organization'])
  const limit = await post('/limits', { kind: 'key', subject_id: caller.keyId, requests_per_minute: 10 }, key)
  t.like([limit.status, limit.body], [201, { organization_id: caller.organizationId, requests_per_minute: 10, tokens_per_minute: null }])
  t.is((await post('/limits', { kind: 'key', subject_id: caller.keyId, concurrency: 1 }, key)).body.param, 'subject_id')
  t.is((await post('/limits', { kind: 'model', subject_id: 'sim-fast', organization_id: caller.organizationId, tokens_per_minute: 5 }, keys.admin)).body.organization_id, caller.organizationId)
  t.deepEqual(api.control.state().limitsOf(caller, 'sim-fast').map(rule => rule.subject), [`key:${caller.keyId}`, `model:sim-fast@${caller.organizationId}`])
  const { body: { key: manager } } = await post('/keys', { name: 'manager', scopes: ['organization'] }, key)
  t.is((await send('PATCH', `/limits/${limit.body.id}`, manager, { requests_per_minute: null })).status, 400)
  t.is((await send('PATCH', `/limits/${limit.body.id}`, manager, { requests_per_minute: null, concurrency: 2 })).body.concurrency, 2)

  const budget = await post('/budgets', { kind: 'project', subject_id: caller.projectId, period: 'month', amount: '0.300000000001' }, key)
  t.is(budget.status, 201, budget.text)
  await api.pool.query("INSERT INTO budget_period (budget_id, period_start, spent) VALUES ($1, date_trunc('month', now(), 'UTC'), 100000000000)", [budget.body.id])
  const { body } = await get(`/budgets/${budget.body.id}`, key)
  t.like(body, { amount: '0.300000000001', spent: '0.1', remaining: '0.200000000001', hard: true, thresholds: [50, 80, 100] })
  const start = new Date(body.period_start)
  t.is(start.toISOString().slice(7), '-01T00:00:00.000Z')
  t.is(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 1), Date.parse(body.period_end))
  t.is((await send('PATCH', `/budgets/${budget.body.id}`, key, { amount: '0.05' })).body.remaining, '0')
  t.is(api.control.state().budgetsOf(caller)[0]?.amount, 50_000_000_000n)
  const me = (await get('/me', key)).body
  t.deepEqual([me.limits.length, me.budgets.length, me.budgets[0].spent], [2, 1, '0.1'])
  t.is((await send('DELETE', `/budgets/${budget.body.id}`, key)).status, 204)
  t.is((await send('DELETE', `/limits/${limit.body.id}`, manager)).status, 204)
  t.is((await get(`/limits/${limit.body.id}`, key)).status, 404)
})

test('who is limited does not lift the limit: those over an organization are an administrator\'s, and those of a key not its own', async t => {
  const { key, caller } = await createTestTenant(api.pool, ['organization'])
  const refused = (answer: Answer): void => { t.like([answer.status, answer.body], [403, { code: 'insufficient_scope', params: { scope: 'admin' } }]) }
  const ofOrganization = { kind: 'organization', subject_id: caller.organizationId }
  const ofKey = { kind: 'key', subject_id: caller.keyId }
  const limits = [{ ...ofOrganization, concurrency: 1 }, { kind: 'model', subject_id: 'sim-fast', organization_id: caller.organizationId, concurrency: 1 }]
  const budgets = [{ ...ofOrganization, period: 'day', amount: '1' }]
  for (const body of [...limits, { kind: 'model', subject_id: 'sim-fast', concurrency: 1 }]) refused(await post('/limits', body, key))
  for (const body of budgets) refused(await post('/budgets', body, key))
  for (const [path, bodies, change] of [
    ['/limits', [...limits, { ...ofKey, concurrency: 1 }], { concurrency: 2 }],
    ['/budgets', [...budgets, { ...ofKey, period: 'day', amount: '1' }], { amount: '2' }]
  ] as const) {
    for (const body of bodies) {
      const { status, body: made } = await post(path, body, keys.admin)
      t.is(status, 201)
      refused(await send('PATCH', `${path}/${made.id}`, key, change))
      refused(await send('DELETE', `${path}/${made.id}`, key))
      t.deepEqual((await get(`${path}/${made.id}`, key)).body, made)
      t.like((await send('PATCH', `${path}/${made.id}`, keys.admin, change)).body, change)
      t.is((await send('DELETE', `${path}/${made.id}`, keys.admin)).status, 204)
    }
  }
})

test('a key does not change its own addresses and its own end, but those of others and, as an administrator, its own', async t => {
  const { key, caller } = await createTestTenant(api.pool, ['organization'])
  const { body: { id: other } } = await post('/keys', { name: 'other' }, key)
  const { key: root, caller: { keyId: rootId } } = await createTestTenant(api.pool, ['admin'])
  for (const change of [{ allowed_ips: null }, { allowed_ips: ['127.0.0.0/8', '::1'] }, { expires_at: null }, { expires_at: '2100-01-01T00:00:00.000Z' }]) {
    const refused = await send('PATCH', `/keys/${caller.keyId}`, key, { name: 'renamed', ...change })
    t.like([refused.status, refused.body], [403, { code: 'insufficient_scope', params: { scope: 'admin' } }])
    t.like((await send('PATCH', `/keys/${other}`, key, change)).body, change)
    t.like((await send('PATCH', `/keys/${rootId}`, root, change)).body, change)
  }
  t.like((await get(`/keys/${caller.keyId}`, key)).body, { name: 'test', allowed_ips: null, expires_at: null })
  t.is((await send('PATCH', `/keys/${caller.keyId}`, key, { name: 'renamed' })).body.name, 'renamed')
})

test('presets belong to the project', async t => {
  const { key, caller } = await createTestTenant(api.pool)
  const made = await post('/presets', { name: 'calm', parameters: { temperature: 0 } }, key)
  t.is(made.status, 201)
  t.is((await post('/presets', { name: 'calm', parameters: {} }, key)).body.param, 'name')
  t.deepEqual(api.control.state().presetOf(caller, 'calm'), { temperature: 0 })
  t.deepEqual((await send('PATCH', `/presets/${made.body.id}`, key, { parameters: { temperature: 1 } })).body.parameters, { temperature: 1 })
  t.deepEqual((await get('/presets', key)).body.data.map((row: { name: string }) => row.name), ['calm'])
  t.is((await get(`/presets/${made.body.id}`, keys.ordinary)).status, 404)
  t.is((await send('DELETE', `/presets/${made.body.id}`, key)).status, 204)
})

test('a preset of the configuration file is shown and cannot be changed', async t => {
  const { key, caller } = await createTestTenant(api.pool)
  const { body: { id, managed_by: owner } } = await post('/presets', { name: 'calm', parameters: { temperature: 0 } }, key)
  t.is(owner, 'api')
  await api.pool.query("UPDATE preset SET managed_by = 'config' WHERE id = $1", [id])
  for (const answer of [await send('PATCH', `/presets/${id}`, key, { parameters: {} }), await send('DELETE', `/presets/${id}`, key)]) {
    t.like([answer.status, answer.body], [409, { code: 'managed_by_config' }])
  }
  t.is((await post('/presets', { name: 'calm', parameters: {} }, key)).body.param, 'name')
  t.like((await get(`/presets/${id}`, key)).body, { parameters: { temperature: 0 }, managed_by: 'config' })
  await api.control.refresh()
  t.deepEqual(api.control.state().presetOf(caller, 'calm'), { temperature: 0 })
})

test('lists go on behind the last one seen', async t => {
  const { key } = await createTestTenant(api.pool, ['organization'])
  for (let count = 0; count < 5; count++) await post('/projects', { name: `p${count}` }, key)
  const seen: string[] = []
  let after: string | null = null
  do {
    const { body }: Answer = await get(`/projects?limit=2${after === null ? '' : `&after=${after}`}`, key)
    seen.push(...body.data.map((row: { name: string }) => row.name))
    t.is(body.has_more, body.next_after !== null)
    after = body.next_after
  } while (after !== null)
  t.deepEqual(seen, ['p4', 'p3', 'p2', 'p1', 'p0', 'test'])
  const names: string[] = []
  do {
    const { body }: Answer = await get(`/models?limit=2${after === null ? '' : `&after=${after}`}`, keys.admin)
    names.push(...body.data.map((row: { id: string }) => row.id))
    after = body.next_after
  } while (after !== null)
  t.true(names.length >= api.control.fileCatalog.models.size)
  t.is(new Set(names).size, names.length)
})

test('a creation is done once per Idempotency-Key, and a replay has no secret', async t => {
  const headers = { 'idempotency-key': 'once' }
  const first = await post('/keys', { name: 'once' }, keys.organization, headers)
  const second = await post('/keys', { name: 'once' }, keys.organization, headers)
  t.regex(first.body.key, /^sira_/)
  t.deepEqual([second.status, second.headers.get('idempotent-replayed'), second.body.id, second.body.key], [201, 'true', first.body.id, null])
})

test('Anthropic\'s x-api-key header works on every route, and a bearer token goes before it', async t => {
  const headers = { 'x-api-key': keys.ordinary }
  t.is((await call(api, 'GET', '/v1/files', { key: null, headers })).status, 200)
  t.is((await call(api, 'GET', '/api/v1/me', { key: null, headers })).status, 200)
  t.is((await call(api, 'GET', '/api/v1/me', { key: 'sira_wrong', headers })).status, 401)
})
