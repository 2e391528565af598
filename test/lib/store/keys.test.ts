import test from 'ava'
import { createKeyText, ensureBootstrapTenant, findCaller, hashKey, insertKey, isWellFormedKey } from '../../../lib/store/keys.ts'
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
  t.deepEqual(await findCaller(pool, key), caller)
  const { rows } = await pool.query<Record<string, unknown>>('SELECT * FROM api_key')
  t.false(JSON.stringify(rows).includes(key.slice(5, 30)))
  await pool.query("UPDATE api_key SET expires_at = now() - interval '1 second'")
  t.is(await findCaller(pool, key), null)
  await pool.query('UPDATE api_key SET expires_at = NULL, revoked_at = now()')
  t.is(await findCaller(pool, key), null)
})

test('bootstrapping twice makes one tenant and one key each', async t => {
  const { pool } = await openTestPool(t)
  const keys = { adminKey: createKeyText(), userKey: createKeyText() }
  await ensureBootstrapTenant(pool, keys)
  await ensureBootstrapTenant(pool, keys)
  const { rows } = await pool.query<{ hash: string }>('SELECT hash FROM api_key')
  t.deepEqual(rows.map(row => row.hash).sort(), [hashKey(keys.adminKey), hashKey(keys.userKey)].sort())
  await t.throwsAsync(insertKey(pool, { organizationId: 'org_default', projectId: 'proj_default', name: 'x', scopes: [], text: 'sira_tooShort' }))
})
