import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { INLINE_FILENAME } from '../../api/core/delete-batch.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { chatRow, followJob, jsonLines, parseLines, uploadInput, waitFor } from '../support/api-batch.ts'
import { checkedEvents } from '../support/feed-events.ts'
import { createTestTenant } from '../support/tenant.ts'
import { chat, inline, refused } from './_native-batch.ts'

let api: TestApi
test.before(async () => { api = await startTestApi({ worker: true, variables: { SIRA_BATCH_GRACE_MS: '200' } }) })
test.after.always(async () => { await api.close() })

async function create (fields: object, key = api.key): Promise<Answer> {
  return await call(api, 'POST', '/api/v1/batch', { body: { endpoint: chat, ...fields }, key })
}

async function accept (fields: object, key = api.key): Promise<string> {
  const answer = await create(fields, key)
  if (answer.status !== 202) throw new Error(answer.text)
  return answer.body.id as string
}

const status = async (id: string): Promise<Answer['body']> => (await call(api, 'GET', `/api/v1/batch/${id}/status`)).body
const results = async (id: string, query = ''): Promise<Answer> => await call(api, 'GET', `/api/v1/batch/${id}/results${query}`)
const post = async (id: string, action: string): Promise<Answer> => await call(api, 'POST', action === 'cancel' ? `/api/v1/batch/cancel/${id}` : `/api/v1/batch/${id}/${action}`)
const finish = async (id: string): Promise<Answer['body']> => {
  await followJob(api, id)
  return await status(id)
}

test('inline requests are accepted with 202 and where to go on, and run to their results', async t => {
  const answer = await create({ requests: ['b', 'a', 'c'].map(id => inline(id)), metadata: { team: 'search' } })
  t.is(answer.status, 202)
  const { body } = answer
  t.like(body, { kind: 'batch', state: 'queued', endpoint: chat, window: '24h', metadata: { team: 'search' }, budget_usd: null, concurrency: null, retry_of: null })
  t.is(answer.headers.get('location'), body.status_url)
  t.is(answer.headers.get('retry-after'), '1')
  t.is((await call(api, 'GET', body.events_url, { headers: { 'last-event-id': '0' } })).status, 200)
  const done = (await call(api, 'GET', body.status_url)).body
  t.like(done, { id: body.id, state: 'succeeded', counts: { total: 3, succeeded: 3, failed: 0 }, error: null, error_file_id: null })
  t.true(done.usage.input_tokens > 0)
  t.true(Number(done.cost_usd) > 0)
  t.true(Date.parse(done.finished_at) >= Date.parse(done.created_at))
  const lines = parseLines((await call(api, 'GET', body.result_url)).text)
  t.deepEqual(lines.map(line => line.custom_id), ['b', 'a', 'c'])
  t.is((await call(api, 'GET', `/v1/files/${String(done.input_file_id)}`)).body.filename, INLINE_FILENAME)
  t.is((await call(api, 'POST', body.cancel_url)).status, 409)
})

test('a batch from a file, with its options, tells them', async t => {
  const fileId = await uploadInput(api, jsonLines([chatRow('a')]))
  const answer = await create({ input_file_id: fileId, window: '30m', concurrency: 3, budget_usd: '0.25' })
  t.like(answer.body, { input_file_id: fileId, window: '30m', concurrency: 3, budget_usd: '0.25' })
  t.is(Date.parse(answer.body.expires_at) - Date.parse(answer.body.created_at), 30 * 60_000)
  t.like(await finish(answer.body.id), { state: 'succeeded', input_file_id: fileId })
})

for (const [title, fields, param] of refused) {
  test(`a native batch is refused with ${title}`, async t => {
    const { key, caller } = await createTestTenant(api.pool)
    const answer = await create(fields, key)
    t.is(answer.status, 400)
    t.regex(answer.body.code, /^(invalid|missing)_parameter$/)
    t.is(answer.body.param, param)
    for (const table of ['job', 'file']) t.is((await api.pool.query(`SELECT FROM ${table} WHERE project_id = $1`, [caller.projectId])).rowCount, 0, table)
  })
}

test('windows are taken in seconds, minutes, hours and days', async t => {
  const { key } = await createTestTenant(api.pool)
  for (const [window, seconds] of [['90s', 90], ['30m', 1_800], ['24h', 86_400], ['14d', 1_209_600]] as const) {
    const { body } = await create({ input_file_id: 'file-none', window }, key)
    t.is(Date.parse(body.expires_at) - Date.parse(body.created_at), seconds * 1000, window)
  }
})

test('a budget is kept exactly, given as text or as a number', async t => {
  const { key } = await createTestTenant(api.pool)
  for (const [given, kept] of [['0.000000000001', '0.000000000001'], ['12.50', '12.5'], [3, '3'], [0.1, '0.1'], ['0', '0']] as const) {
    t.is((await create({ input_file_id: 'file-none', budget_usd: given }, key)).body.budget_usd, kept, String(given))
  }
})

test('no call is made that could pass the budget, and rows without a call say so', async t => {
  const id = await accept({ requests: ['a', 'b'].map(row => inline(row)), budget_usd: '0' })
  t.like(await finish(id), { state: 'succeeded', counts: { total: 2, succeeded: 0, failed: 2 }, cost_usd: '0', output_file_id: null })
  t.deepEqual(parseLines((await results(id)).text).map(line => line.error?.code), ['budget_exceeded', 'budget_exceeded'])
  t.is(api.simulator.calls({ prefix: id }).length, 0)
})

test('results are read while the batch runs, by page, by filter and as a stream, in the order of the input', async t => {
  const id = await accept({ requests: [inline('a'), inline('b', '[[sim:400]]'), inline('hangs', '[[sim:hang]]'), inline('c'), inline('d')] })
  await waitFor(async () => (await status(id)).counts.succeeded + (await status(id)).counts.failed === 4)
  const ids = async (query = ''): Promise<string[]> => parseLines((await results(id, query)).text).map(line => line.custom_id)
  t.deepEqual(await ids(), ['a', 'b', 'c', 'd'])
  t.deepEqual(await ids('?filter=ok'), ['a', 'c', 'd'])
  t.deepEqual(await ids('?filter=error'), ['b'])
  t.deepEqual(await ids('?filter=all&after=2'), ['c', 'd'])

  const first = await results(id, '?limit=2')
  t.is(first.headers.get('x-sira-state'), 'running')
  t.regex(first.headers.get('content-type')!, /^application\/jsonl/)
  t.deepEqual([first.headers.get('x-sira-has-more'), first.headers.get('x-sira-next-after')], ['true', '2'])
  const second = await results(id, `?limit=2&after=${first.headers.get('x-sira-next-after')}`)
  t.deepEqual([second.headers.get('x-sira-has-more'), second.headers.get('x-sira-next-after')], ['false', '5'])
  t.deepEqual([...parseLines(first.text), ...parseLines(second.text)].map(line => line.custom_id), ['a', 'b', 'c', 'd'])
  const last = await results(id, '?limit=2&after=5')
  t.deepEqual([last.text, last.headers.get('x-sira-has-more'), last.headers.get('x-sira-next-after')], ['', 'false', null])
  for (const query of ['?limit=0', '?limit=1001', '?after=-1', '?filter=none', '?page=2']) t.is((await results(id, query)).status, 400, query)

  t.is((await post(id, 'cancel')).status, 200)
  const done = await finish(id)
  t.is(done.state, 'cancelled')
  const output = parseLines((await call(api, 'GET', `/v1/files/${String(done.output_file_id)}/content`)).text)
  t.deepEqual(output, parseLines((await results(id, '?filter=ok')).text))
})

test('results of many pages are streamed whole', async t => {
  const id = await accept({ requests: Array.from({ length: 1_203 }, (_, index) => inline(`row-${index}`)) })
  await finish(id)
  const lines = parseLines((await results(id)).text)
  t.deepEqual(lines.map(line => line.custom_id), Array.from({ length: 1_203 }, (_, index) => `row-${index}`))
})

test('a paused batch makes no further call until it is resumed, and then finishes', async t => {
  const rows = Array.from({ length: 30 }, (_, index) => inline(`row-${index}`, `[[sim:delay=40]] ${index}`))
  const id = await accept({ requests: rows, concurrency: 2 })
  await waitFor(async () => api.simulator.calls({ prefix: id }).length >= 4)
  const paused = await post(id, 'pause')
  t.is(paused.status, 200)
  t.is(paused.body.state, 'paused')
  t.is((await post(id, 'pause')).body.state, 'paused')
  t.is((await call(api, 'GET', `/v1/batches/${id}`)).body.status, 'in_progress')
  // the chunk is given back when its last calls in flight have ended and are saved
  await waitFor(async () => (await api.pool.query('SELECT FROM activity_lease WHERE resource_id = $1', [id])).rowCount === 0)
  const calls = api.simulator.calls({ prefix: id }).length
  t.true(calls < 30, `${calls} calls were made`)
  t.is((await status(id)).counts.succeeded, calls)
  await sleep(300)
  t.is(api.simulator.calls({ prefix: id }).length, calls)
  t.is((await call(api, 'DELETE', `/api/v1/batch/${id}`)).status, 409)
  t.is((await post(id, 'resume')).body.state, 'running')
  t.is((await post(id, 'resume')).body.state, 'running')
  const events = (await followJob(api, id)).map(message => message.event).filter(event => event !== 'progress')
  t.deepEqual(events, ['batch.created', 'batch.in_progress', 'batch.paused', 'batch.resumed', 'batch.finalizing', 'batch.completed'])
  t.like(await status(id), { state: 'succeeded', counts: { total: 30, succeeded: 30, failed: 0 } })
  t.is(api.simulator.calls({ prefix: id }).length, 30)
})

test('a paused batch can be cancelled', async t => {
  const id = await accept({ requests: [inline('a'), inline('slow', '[[sim:delay=60000]]'), inline('b')], concurrency: 1 })
  await waitFor(async () => api.simulator.calls({ prefix: id }).length >= 2)
  t.is((await post(id, 'pause')).body.state, 'paused')
  t.truthy((await post(id, 'cancel')).body.cancel_requested_at)
  t.is((await post(id, 'resume')).status, 409)
  const done = await finish(id)
  t.is(done.state, 'cancelled')
  t.is(done.counts.succeeded + done.counts.failed, 3)
})

test('a batch has no more calls in flight than its concurrency', async t => {
  const id = await accept({ requests: Array.from({ length: 12 }, (_, index) => inline(`row-${index}`, `[[sim:delay=20]] ${index}`)), concurrency: 2 })
  await finish(id)
  const calls = api.simulator.calls({ prefix: id })
  const overlaps = calls.map(one => calls.filter(other => other.started_ms <= one.started_ms && other.finished_ms! > one.started_ms).length)
  t.is(calls.length, 12)
  t.is(Math.max(...overlaps), 2)
})

test('the rows that failed run again as a new batch, and only those', async t => {
  const source = await accept({ requests: [inline('a'), inline('b', '[[sim:400 times=1]]'), inline('c', '[[sim:422]]')], metadata: { team: 'search' }, window: '2h' })
  t.like(await finish(source), { counts: { total: 3, succeeded: 1, failed: 2 } })
  const answer = await post(source, 'retry-failed')
  t.is(answer.status, 202)
  t.is(answer.headers.get('location'), answer.body.status_url)
  t.like(answer.body, { retry_of: source, endpoint: chat, metadata: { team: 'search' }, window: '2h' })
  const done = await finish(answer.body.id)
  t.like(done, { state: 'succeeded', counts: { total: 2, succeeded: 1, failed: 1 } })
  t.deepEqual(parseLines((await results(done.id)).text).map(line => [line.custom_id, line.response?.status_code]), [['b', 200], ['c', 422]])
  t.like(await status(source), { state: 'succeeded', counts: { total: 3, succeeded: 1, failed: 2 } })
})

test('what a batch\'s state does not allow is a conflict that need not be tried again', async t => {
  const done = await accept({ requests: [inline('a')] })
  await finish(done)
  const failed = await accept({ input_file_id: 'file-none' })
  t.is((await finish(failed)).state, 'failed')
  const running = await accept({ requests: [inline('hangs', '[[sim:hang]]')] })
  await waitFor(async () => (await status(running)).state === 'running')
  const conflicts: ReadonlyArray<readonly [id: string, action: string, state: string]> = [
    [done, 'cancel', 'completed'], [done, 'pause', 'completed'], [done, 'resume', 'completed'], [done, 'retry-failed', 'completed without failed rows'],
    [failed, 'cancel', 'failed'], [failed, 'pause', 'failed'], [failed, 'resume', 'failed'], [failed, 'retry-failed', 'failed'],
    [running, 'retry-failed', 'running'], [running, 'delete', 'running']
  ]
  for (const [id, action, state] of conflicts) {
    const answer = action === 'delete' ? await call(api, 'DELETE', `/api/v1/batch/${id}`) : await post(id, action)
    t.is(answer.status, 409, `${action} ${state}`)
    t.like(answer.body, { code: 'state_conflict', status: 409 })
    t.is(answer.body.params.state, state)
    t.is(answer.headers.get('x-should-retry'), 'false')
    t.regex(answer.headers.get('content-type')!, /^application\/problem\+json/)
  }
  t.is((await post(running, 'cancel')).status, 200)
  t.is((await finish(running)).state, 'cancelled')
  t.is((await post(running, 'cancel')).body.state, 'cancelled')
})

test('a deleted batch is gone with its results and files; what it cost stays in the ledger, and its events for those they are still to be delivered to', async t => {
  const id = await accept({ requests: [inline('a'), inline('b', '[[sim:400]]')] })
  const { input_file_id: input, output_file_id: output, error_file_id: errors } = await finish(id)
  const deleted = await call(api, 'DELETE', `/api/v1/batch/${id}`)
  t.is(deleted.status, 204)
  t.is(deleted.text, '')
  for (const path of [`/api/v1/batch/${id}/status`, `/api/v1/batch/${id}/results`, `/api/v1/jobs/${id}`, `/api/v1/jobs/${id}/events`, `/v1/batches/${id}`]) {
    t.is((await call(api, 'GET', path)).status, 404, path)
  }
  for (const file of [input, output, errors]) t.is((await call(api, 'GET', `/v1/files/${String(file)}`)).status, 404, file)
  t.is((await call(api, 'DELETE', `/api/v1/batch/${id}`)).status, 404)
  t.true((await api.pool.query('SELECT FROM event WHERE resource_id = $1', [id])).rowCount! > 0)
  t.is((await api.pool.query('SELECT FROM ledger WHERE resource_id = $1', [id])).rowCount, 1)
})

test('a file that its owner uploaded outlives the batch that is deleted', async t => {
  const fileId = await uploadInput(api, jsonLines([chatRow('a')]))
  const id = await accept({ input_file_id: fileId })
  await finish(id)
  t.is((await call(api, 'DELETE', `/api/v1/batch/${id}`)).status, 204)
  t.is((await call(api, 'GET', `/v1/files/${fileId}`)).status, 200)
})

// serial: the window is short, and the first row has to be done in it
test.serial('a batch whose window ends keeps and bills what finished', async t => {
  const id = await accept({ requests: [inline('a'), inline('hangs', '[[sim:hang]]')], window: '3s' })
  const done = await finish(id)
  t.like(done, { state: 'expired', counts: { total: 2, succeeded: 1, failed: 1 } })
  t.true(Number(done.cost_usd) > 0)
  t.deepEqual(parseLines((await results(id)).text).map(line => line.error?.code ?? 'ok'), ['ok', 'outcome_unknown'])
  t.is((await call(api, 'GET', `/v1/batches/${id}`)).body.status, 'expired')
  t.truthy(done.output_file_id)
})

test('native batches are listed by page and by state, newest first', async t => {
  const { key } = await createTestTenant(api.pool)
  const ids: string[] = []
  for (let index = 0; index < 3; index++) ids.unshift(await accept({ input_file_id: 'file-none' }, key))
  for (const id of ids) await followJob(api, id, { key })
  const list = async (query: string): Promise<Answer> => await call(api, 'GET', `/api/v1/batch${query}`, { key })
  const idsOf = (answer: Answer): string[] => answer.body.data.map((batch: { id: string }) => batch.id)
  const first = await list('?limit=2')
  t.deepEqual(idsOf(first), ids.slice(0, 2))
  t.deepEqual([first.body.has_more, first.body.next_after], [true, ids[1]])
  const second = await list(`?limit=2&after=${String(first.body.next_after)}`)
  t.deepEqual(idsOf(second), ids.slice(2))
  t.deepEqual([second.body.has_more, second.body.next_after], [false, null])
  t.deepEqual(idsOf(await list('?state=failed')), ids)
  t.deepEqual(idsOf(await list('?state=succeeded&state=failed')), ids)
  t.deepEqual(idsOf(await list('?state=succeeded&state=running')), [])
  for (const query of ['?state=done', '?limit=0', '?limit=101', '?limit=ten', '?offset=2']) t.is((await list(query)).status, 400, query)
})

test('the last event of a batch tells what its status tells, with its files, and every event before it fits its type', async t => {
  const requests = [inline('a'), inline('b', '[[sim:422]]')]
  const cancelled = await accept({ requests: [inline('slow', '[[sim:hang]]'), ...requests], concurrency: 1, metadata: { team: 'search' } })
  await waitFor(async () => api.simulator.calls({ prefix: cancelled }).length === 1)
  await post(cancelled, 'pause')
  await post(cancelled, 'resume')
  await post(cancelled, 'cancel')
  const ids = [await accept({ requests }), cancelled, await accept({ input_file_id: 'file-none' }), await accept({ requests: [inline('a'), inline('hangs', '[[sim:hang]]')], window: '3s' })]
  const ends = ['batch.completed', 'batch.cancelled', 'batch.failed', 'batch.expired']
  for (const [index, id] of ids.entries()) {
    const done = await finish(id)
    const events = await checkedEvents(t, api.pool, [id])
    const { type, seq, data } = events.at(-1)!
    t.is(type, ends[index]!)
    t.is(seq, done.seq)
    for (const [name, value] of Object.entries(data)) t.deepEqual(value, done[name] as unknown, `${type}: ${name}`)
    for (const name of ['state', 'counts', 'usage', 'cost_usd', 'finished_at', 'output_file_id', 'error_file_id', 'error', 'metadata']) t.deepEqual(data[name] ?? null, done[name], `${type}: ${name}`)
    t.is(events[0]!.type, 'batch.created')
  }
  t.deepEqual((await checkedEvents(t, api.pool, [cancelled])).map(event => event.type),
    ['batch.created', 'batch.in_progress', 'batch.paused', 'batch.resumed', 'batch.cancelling', 'batch.finalizing', 'batch.cancelled'])
})
