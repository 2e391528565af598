import test from 'ava'
import { createPool } from '../../../lib/store/database.ts'
import { dayOf, dropPartitions, ensurePartitions, keptSince } from '../../../lib/store/usage-partitions.ts'
import { saveUsage, toRow } from '../../../lib/store/usage-rows.ts'
import { createUsageSweep } from '../../../worker/sweep-usage.ts'
import { openJournal } from '../../../lib/usage/journal.ts'
import { record, temporaryDirectory } from '../usage/_journal.ts'
import { openDatabase, silent } from './_job-fixture.ts'
import { createTenant } from '../../../lib/store/keys.ts'
import { DAY, today } from './_usage.ts'

const RETENTION = 400

test('records given again are stored once, and their key is noted as used', async t => {
  const { pool } = await openDatabase(t)
  await createTenant(pool, { organizationId: 'org_a', projectId: 'proj_a', name: 'a' })
  await pool.query("INSERT INTO api_key (id, organization_id, project_id, name) VALUES ('key_a', 'org_a', 'proj_a', 'a')")
  const now = Date.now()
  const records = [record('req_1', { createdAt: now }), record('req_2', { createdAt: now - 90_000, keyId: 'key_deleted' }), record('req_3', { createdAt: now - 5 })]
  await saveUsage(pool, 'p', records, RETENTION)
  await saveUsage(pool, 'p', [...records, record('req_4', { createdAt: now + 30_000 })], RETENTION)
  t.is((await pool.query('SELECT FROM usage')).rowCount, 4)
  const used = async (): Promise<unknown> => (await pool.query<{ key_id: string, last_used_at: Date }>('SELECT * FROM key_use')).rows.map(row => [row.key_id, row.last_used_at.getTime()])
  t.deepEqual(await used(), [['key_a', now]], 'to the minute')
  await saveUsage(pool, 'p', [record('req_5', { createdAt: now + 61_000 })], RETENTION)
  t.deepEqual(await used(), [['key_a', now + 61_000]])
})

test('a budget is charged once for what is stored twice', async t => {
  const { pool } = await openDatabase(t)
  await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount) VALUES ('bud_1', 'org_a', 'project', 'proj_a', 'total', 1000000000)")
  const records = [1, 2, 3].map(number => record(`req_${number}`, { createdAt: today, cost: number === 3 ? null : '100' }))
  await saveUsage(pool, 'p', records.slice(0, 2), RETENTION)
  await saveUsage(pool, 'other', records, RETENTION)
  t.deepEqual((await pool.query<{ spent: string }>('SELECT spent::text FROM budget_period')).rows, [{ spent: '200' }])
})

test('whatever a caller or a provider says becomes a row', t => {
  const row = toRow(record('req_1', {
    model: 'a\0b', endUser: '\0', status: 99_999, latencyMs: 1.6, firstTokenMs: -3, attempts: NaN,
    usage: { inputTokens: 1e12, cachedInputTokens: -1, outputTokens: 2.4, reasoningTokens: null as never, cacheWriteTokens: 3, cacheWriteHourTokens: 4, inputAudioTokens: 5, outputAudioTokens: 6 }
  }))
  t.like(row, {
    model: 'a\ufffdb', end_user: '\ufffd', status: 32_767, latency_ms: 2, first_token_ms: 0, attempts: 0, input_tokens: 2_147_483_647, cached_input_tokens: 0,
    output_tokens: 2, reasoning_tokens: 0, cache_write_tokens: 7, audio_tokens: 11, output_audio_tokens: 6
  })
})

test('a record that Postgres refuses is set aside by the journal and the others are stored', async t => {
  const { pool } = await openDatabase(t)
  const journal = await openJournal({ directory: temporaryDirectory(t), processId: 'p', log: silent, write: async (records, processId) => { await saveUsage(pool, processId, records, RETENTION) } })
  for (let number = 0; number < 20; number++) journal.append(record(`req_${number}`, { createdAt: today, ...(number === 5 ? { cost: '99999999999999999999' } : number === 6 ? { createdAt: 8.64e15 } : {}) }))
  await journal.close()
  t.is((await pool.query('SELECT FROM usage')).rowCount, 18)
})

test('writers that need the same new partitions at once all succeed', async t => {
  const { pool, url } = await openDatabase(t)
  const other = createPool(url, silent)
  t.teardown(async () => { await other.end() })
  const days = [0, 1, 2].map(day => today - day * DAY)
  const batch = (name: string) => days.map((createdAt, number) => record(`req_${name}_${number}`, { createdAt }))
  await Promise.all(['a', 'b', 'c', 'd'].map(async (name, index) => { await saveUsage(index % 2 === 0 ? pool : other, 'p', batch(name), RETENTION) }))
  t.is((await pool.query('SELECT FROM usage')).rowCount, 12)
  const { rows } = await pool.query<{ name: string }>("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'usage'::regclass ORDER BY 1")
  t.deepEqual(rows.map(row => row.name), days.map(day => `usage_${dayOf(day)}`).sort())
})

test('a partition that another process dropped is made again when it is needed', async t => {
  const { pool } = await openDatabase(t)
  await saveUsage(pool, 'p', [record('req_1', { createdAt: today })], RETENTION)
  await pool.query(`DROP TABLE usage_${dayOf(today)}`)
  await saveUsage(pool, 'p', [record('req_2', { createdAt: today })], RETENTION)
  t.is((await pool.query('SELECT FROM usage')).rowCount, 1)
})

test('old days are dropped, coming ones are made, and old records stay out', async t => {
  const { pool } = await openDatabase(t)
  const ages = [0, 1, 29, 30, 31, 32]
  await saveUsage(pool, 'p', ages.map(age => record(`req_${age}`, { createdAt: today - age * DAY })), RETENTION)
  // what an interrupted sweep leaves: a table that is no partition any more
  await pool.query(`ALTER TABLE usage DETACH PARTITION usage_${dayOf(today - 32 * DAY)}`)
  const sweep = createUsageSweep({ pool, log: silent, retentionDays: 30 })
  await Promise.all([sweep(), sweep()])
  await sweep()
  const { rows } = await pool.query<{ name: string }>("SELECT relname AS name FROM pg_class WHERE relname ~ '^usage_\\d{8}$' ORDER BY 1")
  t.deepEqual(rows.map(row => row.name), [-3, -2, -1, 0, 1, 29, 30].map(age => `usage_${dayOf(today - age * DAY)}`).sort())
  await saveUsage(pool, 'p', ages.map(age => record(`req_${age}`, { createdAt: today - age * DAY })), 30)
  t.deepEqual((await pool.query<{ id: string }>('SELECT id FROM usage ORDER BY created_at')).rows.map(row => row.id), ['req_30', 'req_29', 'req_1', 'req_0'])
})

test('a day goes when it is wholly out of retention', t => {
  const now = Date.parse('2026-11-24T15:00:00Z')
  t.is(new Date(keptSince(1, now)).toISOString(), '2026-11-23T00:00:00.000Z')
  t.is(dayOf(Date.parse('2026-03-01T23:59:59.999Z')), '20260301')
  t.throws(() => dayOf(NaN), { instanceOf: RangeError })
  t.throws(() => dayOf(8.64e15), { instanceOf: RangeError })
})

test('nobody writing usage is held up while partitions are made or dropped', async t => {
  const { pool } = await openDatabase(t)
  await ensurePartitions(pool, [dayOf(today), dayOf(today - DAY)])
  const reader = await pool.connect()
  try {
    // a report under way locks usage for reading; making a partition must not wait for it, as writers would then wait in line
    await reader.query('BEGIN; SELECT count(*) FROM usage')
    await ensurePartitions(pool, [dayOf(today + DAY)])
    const dropping = dropPartitions(pool, today)
    await saveUsage(pool, 'p', [record('req_1', { createdAt: today })], RETENTION)
    await reader.query('COMMIT')
    t.deepEqual(await dropping, [dayOf(today - DAY)])
  } finally {
    reader.release()
  }
})
