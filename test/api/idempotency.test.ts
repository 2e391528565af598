import test from 'ava'
import { sweepReplays } from '../../lib/store/idempotency.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { chatRow } from '../support/api-batch.ts'
import { createTestTenant } from '../support/tenant.ts'
import { bucketContents } from '../lib/store/_store.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const body = { input_file_id: 'file-none', endpoint: '/v1/embeddings', completion_window: '24h' }
let keys = 0
const newKey = (): string => `key ${keys++}`

async function create (headers: Record<string, string>, { metadata, key = api.key }: { metadata?: object, key?: string } = {}): Promise<Answer> {
  return await call(api, 'POST', '/v1/batches', { body: { ...body, metadata }, key, headers })
}

async function countBatches (key: string): Promise<number> {
  return (await call(api, 'GET', '/v1/batches?limit=100', { key })).body.data.length as number
}

test('the same key and body give the same batch, and the answer says that it was replayed', async t => {
  const headers = { 'idempotency-key': newKey() }
  const first = await create(headers)
  const second = await create(headers)
  t.is(first.status, 200)
  t.is(first.headers.get('idempotent-replayed'), null)
  t.is(second.status, 200)
  t.is(second.headers.get('idempotent-replayed'), 'true')
  t.deepEqual(second.body, first.body)
  t.not(second.headers.get('x-request-id'), first.headers.get('x-request-id'))
})

test('a replayed answer of the native API has its status and headers too', async t => {
  const request = { body: { endpoint: '/v1/chat/completions', requests: [{ custom_id: 'a', body: chatRow('a').body }] }, headers: { 'idempotency-key': newKey() } }
  const first = await call(api, 'POST', '/api/v1/batch', request)
  const second = await call(api, 'POST', '/api/v1/batch', request)
  t.deepEqual([second.status, second.headers.get('location'), second.headers.get('retry-after')], [202, first.headers.get('location'), '1'])
  t.is(second.headers.get('idempotent-replayed'), 'true')
  t.deepEqual(second.body, first.body)
})

test('the same key with another body, or on another route, is a conflict that need not be tried again', async t => {
  const headers = { 'idempotency-key': newKey() }
  await create(headers)
  for (const answer of [
    await create(headers, { metadata: { other: 'body' } }),
    await call(api, 'POST', '/api/v1/batch', { body: { input_file_id: 'file-none', endpoint: '/v1/embeddings' }, headers })
  ]) {
    t.is(answer.status, 409)
    t.is(answer.headers.get('x-should-retry'), 'false')
    t.is(answer.body.code ?? answer.body.error.code, 'idempotency_mismatch')
  }
})

test('a key belongs to its project: another tenant may use the same', async t => {
  const headers = { 'idempotency-key': newKey() }
  const { key } = await createTestTenant(api.pool)
  const mine = await create(headers)
  const theirs = await create(headers, { key })
  t.is(theirs.status, 200)
  t.is(theirs.headers.get('idempotent-replayed'), null)
  t.not(theirs.body.id, mine.body.id)
})

test('twenty requests at once with one key make one batch, and who is early is told to try again', async t => {
  const { key } = await createTestTenant(api.pool)
  const headers = { 'idempotency-key': newKey() }
  const answers = await Promise.all(Array.from({ length: 20 }, async () => await create(headers, { key })))
  const created = answers.filter(answer => answer.status === 200)
  const early = answers.filter(answer => answer.status !== 200)
  t.is(new Set(created.map(answer => answer.body.id)).size, 1)
  t.is(created.filter(answer => answer.headers.get('idempotent-replayed') === null).length, 1)
  for (const answer of early) {
    t.is(answer.status, 409)
    t.is(answer.body.error.code, 'idempotency_in_progress')
    t.deepEqual([answer.headers.get('retry-after'), answer.headers.get('x-should-retry')], ['1', null])
  }
  t.is(await countBatches(key), 1)
})

test('a key that is empty or too long is refused', async t => {
  for (const key of ['', 'k'.repeat(256)]) {
    const answer = await create({ 'idempotency-key': key })
    t.is(answer.status, 400)
    t.is(answer.body.error.param, 'Idempotency-Key')
  }
  t.is((await create({ 'idempotency-key': 'k'.repeat(255) })).status, 200)
})

test('first tries of an SDK are never taken for one another, also at once', async t => {
  const { key } = await createTestTenant(api.pool)
  const headers = { 'x-stainless-retry-count': '0' }
  const answers = await Promise.all(Array.from({ length: 10 }, async () => await create(headers, { key })))
  t.deepEqual(answers.map(answer => answer.status), Array.from({ length: 10 }, () => 200))
  t.is(new Set(answers.map(answer => answer.body.id)).size, 10)
  t.is(await countBatches(key), 10)
})

test('a retry of an SDK gets the batch that its first try made', async t => {
  const { key } = await createTestTenant(api.pool)
  const first = await create({ 'x-stainless-retry-count': '0' }, { key })
  for (const count of ['1', '2']) {
    const retry = await create({ 'x-stainless-retry-count': count }, { key })
    t.is(retry.body.id, first.body.id)
    t.is(retry.headers.get('idempotent-replayed'), 'true')
  }
  t.is(await countBatches(key), 1)
})

test('a retry whose first try never arrived makes the batch, and the next retry finds it', async t => {
  const { key } = await createTestTenant(api.pool)
  const first = await create({ 'x-stainless-retry-count': '1' }, { key })
  t.is(first.headers.get('idempotent-replayed'), null)
  t.is((await create({ 'x-stainless-retry-count': '2' }, { key })).body.id, first.body.id)
})

test('a retry with another body, of another key or after ten minutes is a request of its own', async t => {
  const { key } = await createTestTenant(api.pool)
  const { key: otherKey } = await createTestTenant(api.pool)
  const first = await create({ 'x-stainless-retry-count': '0' }, { key })
  const retry = { 'x-stainless-retry-count': '1' }
  const others = [await create(retry, { key, metadata: { a: 'b' } }), await create(retry, { key: otherKey })]
  await api.pool.query("UPDATE idempotency SET expires_at = expires_at - interval '10 minutes' WHERE body LIKE $1", [`%${String(first.body.id)}%`])
  others.push(await create(retry, { key }))
  t.is(new Set([first, ...others].map(answer => answer.body.id)).size, 4)
})

test('a retry that comes while its first try is still at work is told to try again, and nobody waits for others', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  await create({ 'x-stainless-retry-count': '0' }, { key })
  const { rows: [entry] } = await api.pool.query<{ key: string }>('SELECT key FROM idempotency WHERE project_id = $1', [caller.projectId])
  const firstTry = await api.pool.connect()
  try {
    await firstTry.query('BEGIN')
    await firstTry.query('SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [`${caller.projectId} ${entry!.key}`])
    const retry = await create({ 'x-stainless-retry-count': '1' }, { key })
    t.deepEqual([retry.status, retry.body.error.code, retry.headers.get('retry-after')], [409, 'idempotency_in_progress', '1'])
    t.is((await create({ 'x-stainless-retry-count': '0' }, { key })).status, 200)
  } finally {
    await firstTry.query('ROLLBACK')
    firstTry.release()
  }
})

test('a creation that fails leaves no batch, no key, no file and no object, and says nothing of the cause', async t => {
  const { caller: { organizationId, projectId }, key } = await createTestTenant(api.pool)
  await api.pool.query(`
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'internal detail: disk of node 7'; END $$;
    CREATE TRIGGER fail BEFORE INSERT ON outbox FOR EACH ROW WHEN (NEW.input ->> 'organizationId' = '${organizationId}') EXECUTE FUNCTION fail()`)
  const headers = { 'idempotency-key': newKey() }
  const native = await call(api, 'POST', '/api/v1/batch', { body: { endpoint: '/v1/embeddings', requests: [{ custom_id: 'a', body: { model: 'sim-embed', input: 'x' } }] }, key, headers })
  const openai = await create(headers, { key })
  for (const answer of [native, openai]) {
    t.is(answer.status, 500)
    t.is(answer.body.code ?? answer.body.error.code, 'internal_error')
    t.notRegex(answer.text, /internal detail|disk|RAISE|plpgsql|\.ts|node 7/)
    t.is(answer.headers.get('x-should-retry'), null)
  }
  for (const table of ['job', 'idempotency', 'file']) {
    t.is((await api.pool.query(`SELECT FROM ${table} WHERE project_id = $1`, [projectId])).rowCount, 0, table)
  }
  t.deepEqual((await bucketContents(api.config.s3)).keys.filter(object => object.includes(projectId)), [])
  await api.pool.query('DROP TRIGGER fail ON outbox')
  t.is((await create(headers, { key })).status, 200)
})

test('keys are forgotten after 72 hours', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  const headers = { 'idempotency-key': newKey() }
  const first = await create(headers, { key })
  const { rows: [entry] } = await api.pool.query<{ hours: number }>(
    'SELECT extract(epoch FROM expires_at - created_at)::int / 3600 AS hours FROM idempotency WHERE project_id = $1', [caller.projectId])
  t.is(entry!.hours, 72)
  await api.pool.query("UPDATE idempotency SET expires_at = now() - interval '1 second' WHERE project_id = $1", [caller.projectId])
  t.not((await create(headers, { key })).body.id, first.body.id)
  await api.pool.query("UPDATE idempotency SET expires_at = now() - interval '1 second' WHERE project_id = $1", [caller.projectId])
  t.true(await sweepReplays(api.pool) >= 1)
  t.is((await api.pool.query('SELECT FROM idempotency WHERE project_id = $1', [caller.projectId])).rowCount, 0)
})
