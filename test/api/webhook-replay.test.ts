import test from 'ava'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { webhookReplayWorkflowId } from '../../lib/contracts/workflows.ts'
import { newId } from '../../lib/ids.ts'
import { readOverdue } from '../../lib/store/outbox.ts'
import { registerSearchAttributes } from '../../lib/temporal/connect.ts'
import { sendToWorkflow } from '../../lib/temporal/send-to-workflow.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { checkedEvents } from '../support/feed-events.ts'
import { createTestTenant } from '../support/tenant.ts'

// without a worker: what the api does by itself. The activities and the workflow have tests of their own.
let api: TestApi
test.before(async () => {
  api = await startTestApi()
  await registerSearchAttributes(api.app.dependencies.temporal) // as a worker does
})
test.after.always(async () => { await api.close() })

async function addEndpoint (caller: Caller, more: { status?: string, scope?: string } = {}): Promise<string> {
  const id = newId('endpoint')
  await api.pool.query(
    `INSERT INTO webhook_endpoint (id, organization_id, project_id, scope, status, targets, event_types, payload_version)
     VALUES ($1, $2, $3, $4, $5, '[{"url":"https://receiver.example","weight":1}]', '{*}', '2026-11-27')`,
    [id, caller.organizationId, caller.projectId, more.scope ?? 'project', more.status ?? 'enabled'])
  await api.pool.query('INSERT INTO webhook_dispatch (endpoint_id) VALUES ($1)', [id])
  return id
}

const ago = (hours: number): string => new Date(Date.now() - hours * 3_600_000).toISOString()
const replay = async (id: string, body: object, more: { key?: string, headers?: Record<string, string> } = {}): Promise<Answer> =>
  await call(api, 'POST', `/api/v1/webhooks/${id}/replay`, { body, ...more })

test('a replay is accepted as a job with urls that work, and its run is started', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  const endpoint = await addEndpoint(caller)
  const { status, headers, body } = await replay(endpoint, { since: ago(48), until: ago(1), only_failed: true, event_types: ['batch.*'] }, { key })
  t.is(status, 202)
  t.regex(body.id, /^replay_[0-9a-f]{32}$/)
  t.like(body, { kind: 'webhook_replay', state: 'queued', counts: { total: null, succeeded: 0, failed: 0 } })
  t.is(headers.get('location'), body.status_url)
  t.is(headers.get('retry-after'), '1')
  for (const url of [body.status_url, body.result_url]) t.deepEqual((await call(api, 'GET', url, { key })).body, body)
  const { rows: [row] } = await api.pool.query('SELECT endpoint_id, only_failed, event_types, until < now() - interval \'50 minutes\' AS past FROM webhook_replay WHERE id = $1', [body.id])
  t.deepEqual(row, { endpoint_id: endpoint, only_failed: true, event_types: ['batch.*'], past: true })
  const { temporal } = api.app.dependencies
  // an answer waits a second for Temporal; what was not sent by then, the worker's sweeper sends
  for (const entry of await readOverdue(api.pool, 0, 100)) if (entry.resourceId === body.id) await sendToWorkflow(temporal, api.pool, api.config.taskQueue, entry, { deadline: 30_000 })
  const { type, searchAttributes } = await temporal.workflow.getHandle(webhookReplayWorkflowId(body.id)).describe()
  t.is(type, 'webhookReplayWorkflow')
  t.like(searchAttributes, { SiraKind: ['webhook_replay'], SiraJobId: [body.id], SiraOrganization: [caller.organizationId] })
  t.deepEqual((await call(api, 'GET', '/api/v1/jobs?kind=webhook_replay', { key })).body.data, [body])
  t.deepEqual((await call(api, 'GET', '/api/v1/jobs?kind=batch', { key })).body.data, [])
  const cancelled = await call(api, 'POST', body.cancel_url, { key })
  t.is(cancelled.status, 200)
  t.truthy(cancelled.body.cancel_requested_at)
  t.deepEqual((await call(api, 'POST', body.cancel_url, { key })).body, cancelled.body)
  t.deepEqual((await checkedEvents(t, api.pool, [body.id])).map(event => event.type), ['webhook_replay.created', 'webhook_replay.cancelling'])
})

test('a replay is created once per Idempotency-Key', async t => {
  const endpoint = await addEndpoint(api.caller)
  const headers = { 'idempotency-key': 'replay-once' }
  const range = { since: ago(2), until: ago(1) }
  const [first, second] = [await replay(endpoint, range, { headers }), await replay(endpoint, range, { headers })]
  t.is(first.body.id, second.body.id)
  t.is(second.headers.get('idempotent-replayed'), 'true')
  t.is((await replay(endpoint, { ...range, only_failed: true }, { headers })).status, 409)
  t.is((await api.pool.query('SELECT FROM webhook_replay WHERE endpoint_id = $1', [endpoint])).rowCount, 1)
})

test('a replay that cannot be is refused with what is wrong', async t => {
  const endpoint = await addEndpoint(api.caller)
  const cases: Array<[body: object, param: string]> = [
    [{}, 'since'], [{ since: 'yesterday' }, 'since'], [{ since: ago(-1) }, 'since'], [{ since: ago(1), until: ago(2) }, 'since'], [{ since: ago(1), until: ago(1) }, 'since'],
    [{ since: '2026-12-31T23:59:60Z' }, 'since'], [{ since: ago(1), event_types: ['batch.done'] }, 'event_types'], [{ since: ago(1), event_types: [] }, 'event_types'], [{ since: ago(1), more: 1 }, 'more']
  ]
  for (const [body, param] of cases) {
    const answer = await replay(endpoint, body)
    t.is(answer.status, 400, JSON.stringify(body))
    t.is(answer.body.param ?? answer.body.params.param, param, answer.text)
  }
  const disabled = await replay(await addEndpoint(api.caller, { status: 'disabled' }), { since: ago(1) })
  t.is(disabled.status, 409)
  t.is((await replay('we_none', { since: ago(1) })).status, 404)
})

test('a replay is seen and made by its project only, and with the scope webhooks', async t => {
  const { caller } = await createTestTenant(api.pool)
  const endpoint = await addEndpoint(api.caller)
  const { body } = await replay(endpoint, { since: ago(1) })
  const other = await createTestTenant(api.pool)
  t.is((await replay(await addEndpoint(caller), { since: ago(1) })).status, 404)
  for (const [method, path] of [['POST', `/api/v1/webhooks/${endpoint}/replay`], ['GET', body.status_url], ['POST', body.cancel_url], ['GET', body.events_url]] as const) {
    t.is((await call(api, method, path, { key: other.key, ...method === 'POST' ? { body: { since: ago(1) } } : {} })).status, 404, path)
  }
  const scoped = await createTestTenant(api.pool, ['batch'])
  t.is((await replay(await addEndpoint(scoped.caller), { since: ago(1) }, { key: scoped.key })).status, 403)
  t.is((await call(api, 'GET', '/api/v1/jobs?kind=webhook_replay', { key: scoped.key })).status, 403)
  t.is((await call(api, 'GET', '/api/v1/jobs', { key: scoped.key })).status, 200)
  const hooks = await createTestTenant(api.pool, ['webhooks'])
  const made = await replay(await addEndpoint(hooks.caller), { since: ago(1) }, { key: hooks.key })
  t.is(made.status, 202)
  t.deepEqual((await call(api, 'GET', '/api/v1/jobs', { key: hooks.key })).body.data, [made.body])
  const neither = await createTestTenant(api.pool, ['usage'])
  t.is((await call(api, 'GET', '/api/v1/jobs', { key: neither.key })).status, 403)
})
