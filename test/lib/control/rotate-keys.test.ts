import test from 'ava'
import { rotateDueKeys } from '../../../lib/control/rotate-keys.ts'
import { createEncryptionKey, createKeyring } from '../../../lib/crypto/seal.ts'
import { openUnclaimed } from '../../../lib/crypto/unclaimed.ts'
import { takeUnclaimed } from '../../../lib/store/admin-keys.ts'
import { findCaller } from '../../../lib/store/keys.ts'
import { checkedEvents } from '../../support/feed-events.ts'
import { openTestPool, silentLog } from '../../support/pool.ts'
import { createTestTenant } from '../../support/tenant.ts'

const keyring = createKeyring(createEncryptionKey('test'))

test('a key that is due gets a new secret once, claimed once, and the old one goes on for its overlap', async t => {
  const { pool } = await openTestPool(t)
  const { key, caller } = await createTestTenant(pool)
  const later = await createTestTenant(pool)
  const revoked = await createTestTenant(pool)
  await pool.query("UPDATE api_key SET rotate_every_days = 30, rotate_at = now() - interval '1 minute', overlap_seconds = 100")
  await pool.query("UPDATE api_key SET rotate_at = now() + interval '1 minute' WHERE id = $1", [later.caller.keyId])
  await pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [revoked.caller.keyId])
  // several workers at once
  const counts = await Promise.all([1, 2, 3].map(async () => await rotateDueKeys({ pool, keyring, log: silentLog })))
  t.is(counts.reduce((sum, count) => sum + count), 1)
  t.truthy(await findCaller(pool, key))
  const { rows: [policy] } = await pool.query<{ due: number, overlap: number }>(
    `SELECT extract(epoch FROM rotate_at - now())::float8 AS due, (SELECT extract(epoch FROM expires_at - now())::float8 FROM key_secret WHERE key_id = $1 AND expires_at IS NOT NULL) AS overlap
     FROM api_key WHERE id = $1`, [caller.keyId])
  t.true(Math.abs(policy!.due - 30 * 86_400) < 60 && Math.abs(policy!.overlap - 100) < 10)
  const { rows: events } = await pool.query<{ type: string, data: unknown, seq: number }>('SELECT type, data, seq FROM event WHERE resource_id = $1', [caller.keyId])
  t.is((await checkedEvents(t, pool, [caller.keyId])).length, 1)
  const taken = (await takeUnclaimed(pool, caller.keyId))!
  const text = openUnclaimed(keyring, taken.unclaimed, taken.hash)
  t.deepEqual(events, [{ type: 'key.rotated', seq: 1, data: { hint: text.slice(-4), overlap_seconds: 100 } }])
  t.is((await findCaller(pool, text))?.keyId, caller.keyId)
  t.is(await takeUnclaimed(pool, caller.keyId), null)
  t.throws(() => openUnclaimed(keyring, taken.unclaimed, 'another row'))
  // a second rotation follows the first
  await pool.query("UPDATE api_key SET rotate_at = now() - interval '1 minute' WHERE id = $1", [caller.keyId])
  t.is(await rotateDueKeys({ pool, keyring, log: silentLog }), 1)
  const { rows: secrets } = await pool.query('SELECT 1 FROM key_secret WHERE key_id = $1 AND unclaimed IS NOT NULL', [caller.keyId])
  t.is(secrets.length, 1)
})

test('without a keyring no key is rotated, and the log says so', async t => {
  const { pool } = await openTestPool(t)
  await createTestTenant(pool)
  const lines: unknown[] = []
  const log = { info: () => {}, warn: (...args: unknown[]) => { lines.push(args) } }
  t.is(await rotateDueKeys({ pool, keyring: null, log: log as never }), 0)
  t.deepEqual(lines, [])
  await pool.query("UPDATE api_key SET rotate_every_days = 30, rotate_at = now() - interval '1 minute'")
  t.is(await rotateDueKeys({ pool, keyring: null, log: log as never }), 0)
  t.deepEqual(lines, [[{ due: 1 }, 'keys are due for rotation, which needs SIRA_ENCRYPTION_KEYS']])
  const { rows } = await pool.query('SELECT 1 FROM key_secret WHERE expires_at IS NOT NULL')
  t.is(rows.length, 0)
})
