import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { registerPatiently } from '../../../lib/store/register-patiently.ts'
import { openTestPool } from '../../support/pool.ts'

test('a process that starts before the migrations registers when they are there, and tells once what it waits for', async t => {
  const { pool, url } = await openTestPool(t)
  const lines: unknown[] = []
  const log = { info () {}, error () {}, warn (_fields: unknown, message: string) { lines.push(message) } } as never
  await pool.query('ALTER TABLE worker RENAME TO worker_of_later')
  const registration = registerPatiently(url, log, 'worker_early')
  while (lines.length === 0) await sleep(5)
  await registration.wait(300)
  t.false(registration.isDone())
  await pool.query('ALTER TABLE worker_of_later RENAME TO worker')
  await registration.wait(10_000)
  t.true(registration.isDone())
  t.is((await pool.query("SELECT FROM worker WHERE id = 'worker_early'")).rowCount, 1)
  t.deepEqual(lines, ['api process not registered'])
  await registration.close()
  t.is((await pool.query('SELECT FROM worker')).rowCount, 0)
})

test('a registration that was never had can be closed', async t => {
  const { pool, url } = await openTestPool(t)
  await pool.query('ALTER TABLE worker RENAME TO worker_of_later')
  const registration = registerPatiently(url, { info () {}, error () {}, warn () {} } as never, 'worker_early')
  await registration.close()
  t.false(registration.isDone())
})
