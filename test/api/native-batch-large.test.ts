import { randomUUID } from 'node:crypto'
import test from 'ava'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { chatRow, followJob, parseLines } from '../support/api-batch.ts'
import { createTestTenant } from '../support/tenant.ts'
import { chat, inline, refused } from './_native-batch.ts'

let api: TestApi
test.before(async () => { api = await startTestApi({ worker: true }) })
test.after.always(async () => { await api.close() })

const requests = Array.from({ length: 3_000 }, (_, index) => {
  const { custom_id: id, body } = chatRow(`row-${index}`, { prompt: `${index} ${'a long prompt with a "quote" and a ü. '.repeat(12)}` })
  return { custom_id: id, body }
})
const whole = JSON.stringify({ endpoint: '/v1/chat/completions', requests, metadata: { team: 'search' }, window: '2h' })
const create = async (body: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> => await call(api, 'POST', '/api/v1/batch', { body, headers })

test('a batch with large requests is accepted, its input is a file of its lines, and it runs to its results', async t => {
  t.true(whole.length > 1_200_000)
  const answer = await create(whole)
  t.is(answer.status, 202, answer.text.slice(0, 300))
  t.like(answer.body, { state: 'queued', endpoint: '/v1/chat/completions', window: '2h', metadata: { team: 'search' } })
  await followJob(api, answer.body.id)
  const done = (await call(api, 'GET', answer.body.status_url)).body
  t.like(done, { state: 'succeeded', counts: { total: 3_000, succeeded: 3_000, failed: 0 } })
  const lines = parseLines((await call(api, 'GET', `/v1/files/${done.input_file_id}/content`)).text) as unknown as object[]
  t.deepEqual(lines, requests.map(({ custom_id: id, body }) => ({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body })))
})

test('a large batch is made once for each idempotency key, and another body is a conflict', async t => {
  const headers = { 'idempotency-key': randomUUID() }
  const first = await create(whole, headers)
  const again = await create(whole, headers)
  t.is(again.headers.get('idempotent-replayed'), 'true')
  t.deepEqual(again.body, first.body)
  const other = await create(whole.replace('row-2999', 'row-other'), headers)
  t.like(other.body, { status: 409, code: 'idempotency_mismatch' })
})

test('a large batch is known again by its JSON, however it is written, as a small one is', async t => {
  for (const rows of [requests.slice(0, 3), requests]) {
    const body = { endpoint: chat, requests: rows, window: '24h' }
    const headers = { 'idempotency-key': randomUUID() }
    const first = await create(JSON.stringify(body), headers)
    t.is(first.status, 202)
    for (const text of [JSON.stringify(body, null, 2), JSON.stringify(body) + ' '.repeat(300_000), JSON.stringify({ ...body, window: undefined })]) {
      const again = await create(text, headers)
      t.deepEqual([again.headers.get('idempotent-replayed'), again.body], ['true', first.body])
    }
  }
})

test('what is no JSON for a large batch is none for a small one', async t => {
  const rows = JSON.stringify([inline('a')])
  for (const text of [
    rows.replace('"model"', '"__proto__":{"a":1},"model"'),
    rows.replace('"model"', '"constructor":{"prototype":{}},"model"'),
    rows.replace('hello', '\xff'),
    rows.slice(0, -1)
  ]) {
    const body = Buffer.from(`{"endpoint":"${chat}","requests":${text}}`, 'latin1')
    const answers = await Promise.all([body, Buffer.concat([body, Buffer.alloc(300_000, ' ')])].map(async bytes => {
      const response = await fetch(`${api.url}/api/v1/batch`, { method: 'POST', body: bytes, headers: { authorization: `Bearer ${api.key}`, 'content-type': 'application/json' } })
      return [response.status, (await response.json() as { code: string }).code]
    }))
    t.deepEqual(answers, [[400, 'invalid_json'], [400, 'invalid_json']], text)
  }
  const harmless = rows.replace('"model"', '"constructor":"x","model"')
  for (const more of ['', ' '.repeat(300_000)]) t.is((await create(`{"endpoint":"${chat}","requests":${harmless}}${more}`)).status, 202)
})

test('what is wrong with a large batch is told as of a small one', async t => {
  for (const [title, fields] of refused) {
    const body = JSON.stringify({ endpoint: chat, ...fields })
    const [small, large] = [await create(body), await create(body + ' '.repeat(300_000))]
    t.is(large.status, 400, title)
    t.deepEqual({ ...large.body, request_id: '' }, { ...small.body, request_id: '' }, title)
  }
})

test('what no schema finds in a large batch is told by its line, and what is no JSON as that', async t => {
  const twice = await create(whole.replace('"row-7"', '"row-6"'))
  t.is(twice.status, 202)
  await followJob(api, twice.body.id)
  t.like((await call(api, 'GET', twice.body.status_url)).body, { state: 'failed' })
  t.like((await create(whole.slice(0, -1))).body, { status: 400, code: 'invalid_json' })
  t.like((await create(whole.replace('"metadata"', `"x":${'['.repeat(2_000)}${']'.repeat(2_000)},"metadata"`))).body, { status: 400, code: 'invalid_json' })
})

test('JSON above 1 MiB is refused by every route that does not read it in a thread, as large as a request for a model may be', async t => {
  const body = JSON.stringify({ name: 'x'.repeat(1_100_000) })
  const { key } = await createTestTenant(api.pool, ['admin'])
  t.is((await call(api, 'POST', '/api/v1/projects', { body, key })).status, 413)
  for (const path of ['/api/v1/webhooks', '/api/v1/batch/batch_1/retry-failed', '/v1/batches', '/v1/uploads']) {
    const answer = await call(api, 'POST', path, { body })
    t.is(answer.status, 413, path)
    t.regex(answer.text, /1048576/)
  }
})
