import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Pool } from 'pg'
import { startControlPlane, type ControlPlane } from '../../../lib/control/control-plane.ts'
import { createEncryptionKey, createKeyring, credentialPlace } from '../../../lib/crypto/seal.ts'
import { newId } from '../../../lib/ids.ts'
import { createLogger, type Logger } from '../../../lib/log.ts'
import { simulatorCatalog } from '../../../lib/providers/simulator-catalog.ts'
import { createPool } from '../../../lib/store/database.ts'
import { createKeyText, hashKey } from '../../../lib/store/keys.ts'
import { openTestPool, silentLog } from '../../support/pool.ts'
import { createTestTenant } from '../../support/tenant.ts'

const fileCatalog = simulatorCatalog('http://127.0.0.1:9')
const keyring = createKeyring(createEncryptionKey('test'))

async function openPlane (t: ExecutionContext, pool: Pool, { outageGrace = 300_000, log = silentLog }: { outageGrace?: number, log?: Pick<Logger, 'info' | 'warn' | 'error'> } = {}): Promise<ControlPlane> {
  const plane = await startControlPlane({ pool, fileCatalog, keyring, log, outageGrace })
  t.teardown(async () => { await plane.close() })
  return plane
}

/** Two planes over one database, each with connections of its own, as two processes have them. */
async function openTwo (t: ExecutionContext): Promise<{ pool: Pool, planes: ControlPlane[] }> {
  const { pool, url } = await openTestPool(t)
  const other = createPool(url, silentLog)
  const planes = [await openPlane(t, pool), await openPlane(t, other)]
  t.teardown(async () => { await other.end() })
  return { pool, planes }
}

/** ms until every plane says so. */
async function until (planes: readonly ControlPlane[], holds: (plane: ControlPlane) => boolean | Promise<boolean>): Promise<number> {
  const start = performance.now()
  while (!(await Promise.all(planes.map(async plane => await holds(plane)))).every(Boolean)) {
    if (performance.now() - start > 5_000) return Infinity
    await sleep(10)
  }
  return performance.now() - start
}

test('a known key is answered at once from memory, an unknown or malformed one with null, and the latter without a query', async t => {
  const { pool } = await openTestPool(t)
  let queries = 0
  const counting = new Proxy(pool, { get: (target, name) => name === 'query' ? (...args: Parameters<Pool['query']>) => { queries++; return target.query(...args) } : Reflect.get(target, name) as unknown })
  const plane = await openPlane(t, counting)
  const { key, caller } = await createTestTenant(pool, ['batch'])
  await plane.refresh()
  const first = await plane.authenticate(key)
  t.like(first, caller)
  const known = plane.authenticate(key)
  t.false(known instanceof Promise)
  t.deepEqual(known, first)
  t.is(await plane.authenticate(createKeyText()), null)
  const before = queries
  for (const text of ['', 'sk-x', `${key}x`, key.slice(0, -1) + (key.endsWith('a') ? 'b' : 'a')]) t.is(plane.authenticate(text), null)
  t.is(queries, before)
})

test('a new key works at once; revoked, its project archived, or its secret over, it stops in every process within a second', async t => {
  const { pool, planes } = await openTwo(t)
  const refuses = (key: string) => async (plane: ControlPlane): Promise<boolean> => await plane.authenticate(key) === null
  const changes: Array<readonly [string, (caller: { keyId: string, projectId: string, organizationId: string }, key: string) => [string, string]]> = [
    ['revoked', caller => ['UPDATE api_key SET revoked_at = now() WHERE id = $1', caller.keyId]],
    ['secret deleted', (_, key) => ['DELETE FROM key_secret WHERE hash = $1', hashKey(key)]],
    ['project archived', caller => ['UPDATE project SET archived_at = now() WHERE id = $1', caller.projectId]],
    ['organization archived', caller => ['UPDATE organization SET archived_at = now() WHERE id = $1', caller.organizationId]]
  ]
  for (const [what, change] of changes) {
    const { key, caller } = await createTestTenant(pool)
    for (const plane of planes) t.truthy(await plane.authenticate(key), what)
    const [text, id] = change(caller, key)
    await pool.query(text, [id])
    const elapsed = await until(planes, refuses(key))
    t.true(elapsed < 1_000, `${what}: ${elapsed} ms`)
  }
})

test('a new key is admitted with the limits and budgets it was given, at once', async t => {
  const { pool, planes } = await openTwo(t)
  for (let time = 0; time < 5; time++) {
    const { key, caller: { organizationId, keyId } } = await createTestTenant(pool)
    await pool.query("INSERT INTO usage_limit (id, organization_id, subject_kind, subject_id, concurrency) VALUES ($1, $2, 'key', $3, 1)", [newId('limit'), organizationId, keyId])
    await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount) VALUES ($1, $2, 'key', $3, 'total', 1)", [newId('budget'), organizationId, keyId])
    for (const plane of planes) {
      const caller = (await plane.authenticate(key))!
      t.is(plane.state().limitsOf(caller, 'm').length, 1)
      t.is(plane.state().budgetsOf(caller).length, 1)
    }
  }
})

test('a key and a secret of it stop when they expire, without a change in the database', async t => {
  const { pool, planes } = await openTwo(t)
  const { key, caller } = await createTestTenant(pool)
  await pool.query("UPDATE key_secret SET expires_at = clock_timestamp() + interval '600 ms' WHERE key_id = $1", [caller.keyId])
  const other = await createTestTenant(pool)
  await pool.query("UPDATE api_key SET expires_at = clock_timestamp() + interval '600 ms' WHERE id = $1", [other.caller.keyId])
  const set = performance.now()
  for (const plane of planes) t.truthy(await plane.authenticate(key))
  for (const plane of planes) t.truthy(await plane.authenticate(other.key))
  await until(planes, async plane => await plane.authenticate(key) === null && await plane.authenticate(other.key) === null)
  const elapsed = performance.now() - set
  t.true(elapsed > 300 && elapsed < 1_000, `${elapsed} ms`)
})

test('changed scopes, limits, budgets, presets and models hold in every process within a second', async t => {
  const { pool, planes } = await openTwo(t)
  const { key, caller } = await createTestTenant(pool)
  for (const plane of planes) await plane.authenticate(key)
  const { organizationId, projectId, keyId } = caller
  await pool.query("UPDATE api_key SET scopes = '{usage}', models = '{sim-*}' WHERE id = $1", [keyId])
  t.true(await until(planes, async plane => (await plane.authenticate(key))?.scopes[0] === 'usage') < 1_000)
  t.deepEqual((await planes[0]!.authenticate(key))?.models, ['sim-*'])

  await pool.query(`INSERT INTO usage_limit (id, organization_id, subject_kind, subject_id, requests_per_minute) VALUES
    ('l1', $1, 'key', $2, 10), ('l2', $1, 'model', 'm', 20), ('l3', NULL, 'model', 'm', 30), ('l4', 'other', 'model', 'm', 40), ('l5', $1, 'project', $3, 50)`, [organizationId, keyId, projectId])
  await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount) VALUES ('b1', $1, 'organization', $1, 'month', 5000000000000)", [organizationId])
  await pool.query("INSERT INTO preset (id, organization_id, project_id, name, parameters) VALUES ('p1', $1, $2, 'calm', '{\"temperature\":0}')", [organizationId, projectId])
  t.true(await until(planes, plane => plane.state().presetOf(caller, 'calm') !== undefined) < 1_000)
  for (const plane of planes) {
    const state = plane.state()
    t.deepEqual(state.limitsOf(caller, 'm').map(rule => [rule.subject, rule.kind, rule.requestsPerMinute]), [
      [`key:${keyId}`, 'key', 10], [`project:${projectId}`, 'project', 50], [`model:m@${organizationId}`, 'model', 20], ['model:m', 'model', 30]
    ])
    t.is(state.limitsOf(caller, 'n').length, 2)
    t.deepEqual(state.budgetsOf(caller), [{ id: 'b1', kind: 'organization', period: 'month', amount: 5_000_000_000_000n, hard: true }])
    t.deepEqual(state.presetOf(caller, 'calm'), { temperature: 0 })
    t.is(state.presetOf({ ...caller, projectId: 'other' }, 'calm'), undefined)
  }
  t.is(planes[0]!.state().version, planes[1]!.state().version)
})

test('models and providers of the database join those of the file, which wins on a name; what is unchanged stays the same object', async t => {
  const { pool } = await openTestPool(t)
  const lines: string[] = []
  const plane = await openPlane(t, pool, { log: createLogger('warn', 'test').child({}, { level: 'silent' }) })
  const clash = [...fileCatalog.models.keys()][0]!
  const credential = newId('credential')
  const { sealed, kek } = keyring.seal('sk-planted', credentialPlace(credential))
  await pool.query("INSERT INTO provider (name, kind, base_url, settings) VALUES ('mine', 'openai', 'https://mine.example/v1', '{\"max_concurrency\":7}')")
  await pool.query('INSERT INTO provider_credential (id, provider, name, sealed, kek) VALUES ($1, $2, $3, $4, $5)', [credential, 'mine', 'a', sealed, kek])
  await pool.query("INSERT INTO model (id, settings) VALUES ('mine-1', '{\"max_attempts\":5}'), ($1, '{}'), ('served-by-none', '{}')", [clash])
  await pool.query(`INSERT INTO deployment (id, model_id, provider, upstream, prices) VALUES
    ('dep_1', 'mine-1', 'mine', 'up', '{"input":"0.4","output":1.6}'), ('dep_2', $1, 'mine', 'up', '{}'), ('dep_3', 'mine-1', 'gone', 'up', '{}')`, [clash])
  await plane.refresh()
  const provider = plane.catalog.providers.get('mine')!
  t.like(provider, { kind: 'openai', baseUrl: 'https://mine.example/v1', maxConcurrency: 7, credentials: [{ id: credential, secret: 'sk-planted' }] })
  const model = plane.catalog.models.get('mine-1')!
  t.like(model, { provider: 'mine', upstream: 'up', policy: { maxAttempts: 5 }, prices: { input: 400_000n, output: 1_600_000n } })
  t.deepEqual(model.deployments.map(deployment => deployment.id), ['dep_1'])
  t.is(plane.catalog.models.get(clash), fileCatalog.models.get(clash))
  t.false(plane.catalog.models.has('served-by-none'))
  await pool.query("UPDATE provider SET settings = '{}' WHERE name = 'mine'")
  await plane.refresh()
  t.not(plane.catalog.providers.get('mine'), provider)
  t.is(plane.catalog.models.get('mine-1'), model)
  t.deepEqual(lines, [])
})

test('a retired or expired credential is left out when its time comes, unless it is the last one', async t => {
  const { pool } = await openTestPool(t)
  await pool.query("INSERT INTO provider (name, kind, base_url) VALUES ('mine', 'openai', 'https://mine.example/v1')")
  const add = async (secret: string, columns: string): Promise<void> => {
    const id = newId('credential')
    const { sealed, kek } = keyring.seal(secret, credentialPlace(id))
    await pool.query(`INSERT INTO provider_credential (id, provider, name, sealed, kek, expires_at, retire_at) VALUES ($1, 'mine', $2, $3, $4, ${columns})`, [id, secret, sealed, kek])
  }
  await add('retired-soon', "NULL, clock_timestamp() + interval '400 ms'")
  await add('expired-soon', "clock_timestamp() + interval '400 ms', NULL")
  await add('lasting', 'NULL, NULL')
  await add('sealed-elsewhere', 'NULL, NULL')
  await pool.query("UPDATE provider_credential SET kek = 'lost' WHERE name = 'sealed-elsewhere'")
  const errors: unknown[] = []
  const plane = await openPlane(t, pool, { log: { ...quiet, error: (...args: unknown[]) => { errors.push(args) } } as never })
  const secrets = (): string[] => plane.catalog.providers.get('mine')!.credentials.map(credential => credential.secret)
  t.deepEqual(secrets(), ['retired-soon', 'expired-soon', 'lasting'])
  t.is(errors.length, 1)
  const elapsed = await until([plane], () => secrets().length === 1)
  t.true(elapsed < 1_200, `${elapsed} ms`)
  t.deepEqual(secrets(), ['lasting'])
  t.is(errors.length, 1, 'a fault is told once')
})

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** A pool whose database can be taken away and given back. */
function interruptible (pool: Pool): { pool: Pool, away: { now: boolean } } {
  const away = { now: false }
  const lost = async (): Promise<never> => { throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }) }
  return {
    away, pool: new Proxy(pool, {
      get: (target, name) => {
        if ((name === 'query' || name === 'connect') && away.now) return lost
        const value = Reflect.get(target, name) as unknown
        return typeof value === 'function' ? value.bind(target) as unknown : value
      }
    })
  }
}

test('while Postgres is away known keys and the last configuration stay good for the grace, unknown keys get unavailable, and it is logged once', async t => {
  const { pool } = await openTestPool(t)
  const outage = interruptible(pool)
  const lines: string[] = []
  const keep = (level: string) => (...args: unknown[]) => { lines.push(`${level} ${String(args.at(-1))}`) }
  const plane = await openPlane(t, outage.pool, { outageGrace: 1_200, log: { info: keep('info'), warn: keep('warn'), error: keep('error') } as never })
  const { key, caller } = await createTestTenant(pool)
  const never = await createTestTenant(pool)
  await plane.refresh()
  await plane.authenticate(key)
  // a change just before: the key is looked up again with it, not forgotten
  await pool.query("INSERT INTO usage_limit (id, organization_id, subject_kind, subject_id, requests_per_minute) VALUES ('l1', $1, 'key', $2, 10)", [caller.organizationId, caller.keyId])
  await plane.refresh()
  outage.away.now = true
  const gone = performance.now()
  await plane.refresh()
  t.like(plane.authenticate(key), { keyId: caller.keyId })
  t.is(plane.state().limitsOf(caller, 'm').length, 1)
  await t.throwsAsync(async () => await plane.authenticate(never.key), { code: 'unavailable' })
  t.is(plane.authenticate('nonsense'), null)
  const elapsed = await until([plane], async () => { try { await plane.authenticate(key); return false } catch (error) { return (error as { code?: string }).code === 'unavailable' } })
  t.true(performance.now() - gone > 1_000 && elapsed < 2_500, `${elapsed} ms`)
  t.throws(() => plane.state(), { code: 'unavailable' })
  outage.away.now = false
  await plane.refresh()
  t.like(await plane.authenticate(never.key), { keyId: never.caller.keyId })
  t.like(plane.authenticate(key), { keyId: caller.keyId })
  t.deepEqual(lines, ['warn the control plane cannot be refreshed; what is known stays in use', 'info the control plane is current again'])
})

test('a start without Postgres succeeds, answers unavailable, and goes on when it is there', async t => {
  const { pool } = await openTestPool(t)
  const outage = interruptible(pool)
  outage.away.now = true
  const plane = await openPlane(t, outage.pool)
  const { key, caller } = await createTestTenant(pool)
  t.throws(() => plane.state(), { code: 'unavailable' })
  t.throws(() => plane.authenticate(key), { code: 'unavailable' })
  t.is(plane.catalog.models.size, fileCatalog.models.size)
  outage.away.now = false
  t.true(await until([plane], async () => { try { return (await plane.authenticate(key))?.keyId === caller.keyId } catch { return false } }) < 1_500)
})

test('when a key was last used is written down', async t => {
  const { pool } = await openTestPool(t)
  const plane = await startControlPlane({ pool, fileCatalog, keyring, log: silentLog, outageGrace: 1_000 })
  const { key, caller } = await createTestTenant(pool)
  await plane.refresh()
  await plane.authenticate(key)
  const version = plane.state().version
  await plane.close()
  const { rows } = await pool.query<{ key_id: string, age: number }>('SELECT key_id, extract(epoch FROM now() - last_used_at)::float8 AS age FROM key_use')
  t.deepEqual(rows.map(row => row.key_id), [caller.keyId])
  t.true(Math.abs(rows[0]!.age) < 10)
  const { rows: [row] } = await pool.query<{ version: number }>('SELECT version FROM control_version')
  t.is(row!.version, version, 'a use is no change of the control plane')
})
