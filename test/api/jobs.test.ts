import test from 'ava'
import { requestCancel, transitionJob } from '../../lib/store/jobs.ts'
import { addCaller, addJob, addProgress } from '../lib/store/_job-fixture.ts'
import { openJobsApp } from './_jobs-app.ts'

interface Answer { readonly status: number, readonly body: Record<string, unknown> }

async function get (url: string, key: string): Promise<Answer> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } })
  return { status: response.status, body: await response.json() as Record<string, unknown> }
}

test('a job is answered with counts, usage, exact cost, RFC 3339 times and where to go on', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  await transitionJob(pool, { id, to: 'running' })
  await addProgress(pool, id, 40)
  await requestCancel(pool, caller, id)
  const { status, body } = await get(`${url}/jobs/${id}`, key)
  t.is(status, 200)
  const { created_at: createdAt, started_at: startedAt, cancel_requested_at: cancelRequestedAt, expires_at: expiresAt, ...rest } = body
  for (const time of [createdAt, startedAt, cancelRequestedAt, expiresAt]) t.regex(String(time), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.deepEqual(rest, {
    id,
    kind: 'batch',
    state: 'running',
    seq: 4,
    counts: { total: 100, succeeded: 40, failed: 0 },
    usage: { input_tokens: 0, cached_input_tokens: 0, output_tokens: 400, reasoning_tokens: 0 },
    cost_usd: '0.00008',
    unpriced: 0,
    rate: 50,
    eta_s: 2,
    error: null,
    metadata: null,
    finalizing_at: null,
    finished_at: null,
    status_url: `/api/v1/batch/${id}/status`,
    result_url: `/api/v1/batch/${id}/results`,
    cancel_url: `/api/v1/batch/cancel/${id}`,
    events_url: `/api/v1/jobs/${id}/events`
  })
})

test('only a key with the scope admin sees where a job is in the Temporal UI', async t => {
  const { url, pool } = await openJobsApp(t)
  const admin = await addCaller(pool, 'a', ['admin'])
  const id = await addJob(pool, admin.caller)
  const { body } = await get(`${url}/jobs/${id}`, admin.key)
  t.is(body.temporal_ui_url, `http://127.0.0.1:8233/namespaces/default/workflows/batch%3A${id}`)
  const plain = await addCaller(pool, 'a')
  t.false('temporal_ui_url' in (await get(`${url}/jobs/${id}`, plain.key)).body)
})

test('a failed job tells its error', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  await transitionJob(pool, { id, to: 'failed', error: { code: 'file_not_found', message: 'gone' } })
  const { body } = await get(`${url}/jobs/${id}`, key)
  t.like(body, { state: 'failed', error: { code: 'file_not_found', message: 'gone' } })
  t.is(typeof body.finished_at, 'string')
})

test('jobs are listed by page and filter, newest first unless asked otherwise', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const other = await addCaller(pool, 'b')
  const ids: string[] = []
  for (const state of ['queued', 'running', 'queued'] as const) ids.push(await addJob(pool, caller, state))
  await addJob(pool, other.caller)
  const list = async (query: string): Promise<unknown[]> => {
    const { body } = await get(`${url}/jobs?${query}`, key)
    return [(body.data as Array<{ id: string }>).map(job => job.id), body.has_more, body.last_id]
  }
  t.deepEqual(await list(''), [[ids[2], ids[1], ids[0]], false, ids[0]])
  t.deepEqual(await list('limit=2'), [[ids[2], ids[1]], true, ids[1]])
  t.deepEqual(await list(`limit=2&after=${ids[1]}`), [[ids[0]], false, ids[0]])
  t.deepEqual(await list('order=asc&kind=batch&state=queued'), [[ids[0], ids[2]], false, ids[2]])
  t.deepEqual(await list('state=failed'), [[], false, null])
})

test('what a list of jobs cannot be asked for is refused, naming the parameter', async t => {
  const { url, pool } = await openJobsApp(t)
  const { key } = await addCaller(pool, 'a')
  const other = await addCaller(pool, 'b')
  const foreign = await addJob(pool, other.caller)
  for (const query of ['limit=0', 'limit=101', 'limit=x', 'state=done', 'kind=thing', 'order=up', `after=${foreign}`]) {
    const { status, body } = await get(`${url}/jobs?${query}`, key)
    t.is(status, 400, query)
    t.like(body, { code: 'invalid_parameter', param: query.split('=')[0] }, query)
  }
})

test('a job of another tenant cannot be looked at or followed', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller } = await addCaller(pool, 'a')
  const other = await addCaller(pool, 'b')
  const id = await addJob(pool, caller)
  for (const path of [`${url}/jobs/${id}`, `${url}/jobs/${id}/events`, `${url}/jobs/batch_none/events`]) {
    const { status, body } = await get(path, other.key)
    t.is(status, 404)
    t.is(body.code, 'not_found')
  }
})
