import test from 'ava'
import { migrate, pendingMigrations, readMigrations } from '../../../lib/store/migrate.ts'
import { openTestPool } from '../../support/pool.ts'

test('applying the migrations again changes nothing, and a changed file is refused', async t => {
  const { pool, url } = await openTestPool(t)
  t.deepEqual(await migrate(url), [])
  t.deepEqual(await pendingMigrations(pool), [])
  await pool.query("UPDATE _prisma_migrations SET checksum = 'other'")
  await t.throwsAsync(migrate(url), { message: /was changed after it had been applied/ })
})

test('processes that migrate an empty database at once apply each migration once', async t => {
  const { pool, url } = await openTestPool(t)
  await pool.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
  const names = (await readMigrations()).map(migration => migration.name)
  t.deepEqual(await pendingMigrations(pool), names)
  const applied = await Promise.all([migrate(url), migrate(url), migrate(url)])
  t.deepEqual(applied.flat(), names)
})
