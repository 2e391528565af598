import test from 'ava'
import { parseAccess } from '../../../lib/control/access-file.ts'
import { applyAccess } from '../../../lib/control/config-file.ts'
import { insertPreset } from '../../../lib/store/admin-presets.ts'
import { createKeyText, findCaller } from '../../../lib/store/keys.ts'
import { openTestPool } from '../../support/pool.ts'
import { createTestTenant } from '../../support/tenant.ts'

const text = `
providers: []
models: []
organizations:
  - { id: org_acme, name: Acme }
projects:
  - { id: proj_chat, organization: org_acme, name: Chat }
keys:
  - { id: key_chat, project: proj_chat, name: chat, key_env: CHAT_KEY, scopes: [inference], models: [sim-*], allowed_ips: [10.0.0.0/8], cache_ttl_seconds: 60 }
limits:
  - { kind: key, subject: key_chat, requests_per_minute: 600 }
  - { kind: model, subject: sim-fast, concurrency: 5 }
budgets:
  - { kind: organization, subject: org_acme, period: month, amount: 250.5 }
presets:
  - { project: proj_chat, name: calm, parameters: { temperature: 0 } }
`

test('the file\'s rows are made once by processes that start together, followed, and taken back when they leave the file', async t => {
  const { pool } = await openTestPool(t)
  const { key: ofApi } = await createTestTenant(pool)
  const [key, next] = [createKeyText(), createKeyText()]
  const file = parseAccess('sira.yaml', text, { CHAT_KEY: key })
  await Promise.all([1, 2, 3].map(async () => { await applyAccess(pool, file) }))
  t.deepEqual(await findCaller(pool, key), {
    keyId: 'key_chat', organizationId: 'org_acme', projectId: 'proj_chat', scopes: ['inference'], models: ['sim-*'], allowedIps: ['10.0.0.0/8'], cacheTtlSeconds: 60
  })
  const { rows: limits } = await pool.query('SELECT organization_id, subject_id, managed_by FROM usage_limit ORDER BY subject_kind')
  t.deepEqual(limits, [{ organization_id: 'org_acme', subject_id: 'key_chat', managed_by: 'config' }, { organization_id: null, subject_id: 'sim-fast', managed_by: 'config' }])
  const budgets = async (): Promise<unknown[]> => (await pool.query('SELECT id, amount, managed_by FROM budget')).rows
  const before = await budgets() as Array<{ id: string, amount: string }>
  t.is(before.length, 1)
  t.is(before[0]!.amount, '250500000000000')

  await applyAccess(pool, parseAccess('sira.yaml', text.replace('250.5', '300'), { CHAT_KEY: next }))
  t.is(await findCaller(pool, key), null)
  t.is((await findCaller(pool, next))?.keyId, 'key_chat')
  t.like(await budgets(), [{ id: before[0]!.id, amount: '300000000000000' }])

  await applyAccess(pool, parseAccess('sira.yaml', 'organizations:\n  - { id: org_acme, name: Acme }\n', {}))
  t.is(await findCaller(pool, next), null)
  t.deepEqual(await budgets(), [])
  t.is((await pool.query('SELECT 1 FROM usage_limit')).rows.length, 0)
  t.truthy(await findCaller(pool, ofApi))
})

test('the file cannot take over what was made through the API', async t => {
  const { pool } = await openTestPool(t)
  await pool.query("INSERT INTO organization (id, name) VALUES ('org_acme', 'of the API')")
  await t.throwsAsync(applyAccess(pool, parseAccess('sira.yaml', text, { CHAT_KEY: createKeyText() })), { message: /org_acme was made through the API/ })
  const { rows } = await pool.query<{ name: string }>('SELECT name FROM organization')
  t.deepEqual(rows, [{ name: 'of the API' }])
})

test('presets follow the file and go when they leave it, and those of the API stay', async t => {
  const { pool } = await openTestPool(t)
  const apply = async (presets: string): Promise<void> => {
    await applyAccess(pool, parseAccess('sira.yaml', `${text.slice(0, text.indexOf('presets:'))}presets:${presets}`, { CHAT_KEY: key }))
  }
  const key = createKeyText()
  const presets = async (): Promise<Array<{ id: string, name: string, parameters: unknown, managed_by: string, updated_at: Date }>> =>
    (await pool.query('SELECT id, name, parameters, managed_by, updated_at FROM preset ORDER BY name')).rows
  const [calm, wild] = ['\n  - { project: proj_chat, name: calm, parameters: { temperature: 0 } }', '\n  - { project: proj_chat, name: wild, parameters: { temperature: 2 } }']
  await apply(calm + wild)
  const before = await presets()
  t.like(before, [{ name: 'calm', parameters: { temperature: 0 }, managed_by: 'config' }, { name: 'wild', parameters: { temperature: 2 }, managed_by: 'config' }])
  await apply(calm + wild)
  t.deepEqual(await presets(), before)

  const tenant = { organizationId: 'org_acme', projectId: 'proj_chat' }
  await insertPreset(pool, tenant, 'own', { temperature: 1 })
  await apply(calm.replace('0', '0.1'))
  t.like(await presets(), [{ id: before[0]!.id, name: 'calm', parameters: { temperature: 0.1 } }, { name: 'own', managed_by: 'api' }])
  t.is((await presets()).length, 2)

  await t.throwsAsync(apply(wild.replace('wild', 'own')), { message: /preset own of proj_chat was made through the API/ })
  t.like(await presets(), [{ name: 'calm' }, { name: 'own', parameters: { temperature: 1 }, managed_by: 'api' }])
  await apply(wild.replace('wild', 'own').replace('2', '1'))
  t.like(await presets(), [{ name: 'own', managed_by: 'config' }])

  await insertPreset(pool, tenant, 'calm', {})
  await applyAccess(pool, parseAccess('sira.yaml', 'organizations:\n  - { id: org_acme, name: Acme }\n', {}))
  t.like(await presets(), [{ name: 'calm', managed_by: 'api' }])
  t.is((await presets()).length, 1)
})

test('every fault of the access sections is told with its line, and no key', t => {
  const faulty = `organizations:
  - { id: acme, name: A }
projects:
  - { id: proj_a, organization: org_none, name: A }
keys:
  - { id: key_a, project: proj_a, name: a, key_env: BAD_KEY, scopes: [everything], allowed_ips: [10.0.0.0/99] }
  - { id: key_a, project: proj_a, name: a, key_env: NO_KEY }
limits:
  - { kind: key, subject: key_none, requests_per_minute: 0 }
budgets:
  - { kind: project, subject: proj_a, period: year, amount: -1 }
unknown: 1
`
  const { message } = t.throws(() => parseAccess('sira.yaml', faulty, { BAD_KEY: 'sira_notAKeyButSecret' }))
  for (const line of [2, 4, 6, 7, 9, 11, 12]) t.true(message.includes(`sira.yaml:${line}:`), `${line}: ${message}`)
  for (const word of ['BAD_KEY', 'NO_KEY', 'key_none', 'already declared']) t.true(message.includes(word), word)
  t.false(message.includes('notAKeyButSecret'))
})
