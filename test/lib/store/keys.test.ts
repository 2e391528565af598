import test from 'ava'
import { createKeyText, ensureBootstrapTenant, findCaller, findCallers, hashKey, insertKey, isWellFormedKey } from '../../../lib/store/keys.ts'
import { replaceSecret } from '../../../lib/store/admin-keys.ts'
import { openTestPool } from '../../support/pool.ts'
import { createTestTenant } from '../../support/tenant.ts'

test('a key has the prefix and a checksum that catches every changed character', t => {
  const key = createKeyText()
  t.regex(key, /^sira_[0-9A-Za-z]{38}$/)
  t.true(isWellFormedKey(key))
  for (let place = 5; place < key.length; place++) {
    const changed = key.slice(0, place) + (key[place] === 'a' ? 'b' : 'a') + key.slice(place + 1)
    t.false(isWellFormedKey(changed), `changed at ${place}`)
  }
})

test('a key is found by its text until it is revoked or expires, and only its hash is stored', async t => {
  const { pool } = await openTestPool(t)
  const { caller, key } = await createTestTenant(pool, ['admin'])
  t.deepEqual(await findCaller(pool, key), { ...caller, models: null, allowedIps: null, cacheTtlSeconds: null })
  const { rows } = await pool.query<Record<string, unknown>>('SELECT * FROM api_key JOIN key_secret ON key_id = api_key.id')
  t.is(rows.length, 1)
  t.false(JSON.stringify(rows).includes(key.slice(5, 30)))
  await pool.query("UPDATE api_key SET expires_at = now() - interval '1 second'")
  t.is(await findCaller(pool, key), null)
  await pool.query('UPDATE api_key SET expires_at = NULL, revoked_at = now()')
  t.is(await findCaller(pool, key), null)
})

test('a key has as many secrets as its rotation overlaps, each until it expires', async t => {
  const { pool } = await openTestPool(t)
  const { caller, key } = await createTestTenant(pool)
  const next = createKeyText()
  await replaceSecret(pool, caller.keyId, next, 60, null)
  const found = await findCallers(pool, [hashKey(key), hashKey(next), hashKey(createKeyText())])
  t.deepEqual([...found.keys()].sort(), [hashKey(key), hashKey(next)].sort())
  const lifetime = found.get(hashKey(key))!.lifetime!
  t.true(lifetime > 50_000 && lifetime <= 60_000)
  t.is(found.get(hashKey(next))!.lifetime, null)
  await pool.query("UPDATE key_secret SET expires_at = now() - interval '1 second' WHERE hash = $1", [hashKey(key)])
  t.is(await findCaller(pool, key), null)
  t.is((await findCaller(pool, next))?.keyId, caller.keyId)
  await pool.query('UPDATE project SET archived_at = now()')
  t.is(await findCaller(pool, next), null)
})

test('bootstrapping twice makes one tenant and one key each', async t => {
  const { pool } = await openTestPool(t)
  const keys = { adminKey: createKeyText(), userKey: createKeyText() }
  await ensureBootstrapTenant(pool, keys)
  await ensureBootstrapTenant(pool, keys)
  const { rows } = await pool.query<{ hash: string }>('SELECT hash FROM api_key JOIN key_secret ON key_id = api_key.id')
  t.deepEqual(rows.map(row => row.hash).sort(), [hashKey(keys.adminKey), hashKey(keys.userKey)].sort())
  await t.throwsAsync(insertKey(pool, { organizationId: 'org_default', projectId: 'proj_default', name: 'x', scopes: [], text: 'sira_tooShort' }))
})
