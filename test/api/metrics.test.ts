import test from 'ava'
import { call, startTestApi, type TestApi } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

test('metrics are for keys of scope admin', async t => {
  t.is((await call(api, 'GET', '/metrics', { key: null })).status, 401)
  t.is((await call(api, 'GET', '/metrics')).status, 403)
  const { key } = await createTestTenant(api.pool, ['organization'])
  t.is((await call(api, 'GET', '/metrics', { key })).status, 403)
})

test('metrics count requests, calls, tokens, time and cost by model and provider, and name no caller', async t => {
  const ask = async (body: object, headers: Record<string, string> = {}) =>
    await call(api, 'POST', '/v1/chat/completions', { body: { model: 'sim-instant', messages: [{ role: 'user', content: 'hello' }], user: 'ann@example.com', ...body }, headers })
  const whole = await ask({}, { 'x-sira-cache': 'ttl=60' })
  await api.gateway.cache.close()
  t.is((await ask({}, { 'x-sira-cache': 'ttl=60' })).headers.get('x-sira-cache'), 'hit')
  t.is((await ask({ stream: true })).status, 200)
  t.is((await ask({ messages: [{ role: 'user', content: '[[sim:400]]' }] })).status, 400)
  const { key } = await createTestTenant(api.pool, ['admin'])
  const { status, text, headers } = await call(api, 'GET', '/metrics', { key })
  t.is(status, 200)
  t.regex(headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  const lines = text.split('\n').filter(line => !line.startsWith('#'))
  /** The sample of a series whose labels include all of these. */
  const sample = (name: string, labels: Record<string, string>): number => {
    const found = lines.filter(line => line.startsWith(`${name}{`) && Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
    t.is(found.length, 1, `${name} ${JSON.stringify(labels)}`)
    return Number(found[0]!.split(' ').at(-1))
  }
  const labels = { model: 'sim-instant', provider: 'simulator' }
  t.is(sample('sira_requests_total', { ...labels, operation: 'chat', status: '200' }), 2)
  t.is(sample('sira_requests_total', { ...labels, operation: 'chat', status: '400' }), 1)
  t.is(sample('sira_requests_total', { model: 'sim-instant', provider: 'none', status: '200' }), 1)
  t.is(sample('sira_attempts_total', labels), 3)
  t.is(sample('sira_cache_hits_total', { model: 'sim-instant' }), 1)
  t.true(sample('sira_cost_usd_total', labels) >= Number(whole.headers.get('x-sira-cost')))
  t.is(sample('gen_ai_client_operation_duration_seconds_count', { ...labels, operation: 'chat' }), 3)
  t.is(sample('gen_ai_server_time_to_first_token_seconds_count', labels), 1)
  t.is(sample('gen_ai_client_token_usage_count', { ...labels, type: 'output' }), 3)
  t.true(sample('gen_ai_client_token_usage_sum', { ...labels, type: 'input' }) >= whole.body.usage.prompt_tokens)
  t.is(sample('sira_deployment_calls_in_flight', { deployment: 'simulator/sim-instant' }), 0)
  t.is(sample('sira_deployment_open', { deployment: 'simulator/sim-instant' }), 0)
  t.regex(text, /^process_cpu_seconds_total /m)
  for (const secret of [api.caller.keyId, api.caller.projectId, api.caller.organizationId, 'ann@example.com', api.key]) t.false(text.includes(secret))
})

test('a model that does not exist adds no series: labels are bounded by the configuration', async t => {
  const { key } = await createTestTenant(api.pool, ['admin'])
  await call(api, 'POST', '/v1/chat/completions', { body: { model: 'nonesuch-1', messages: [{ role: 'user', content: 'hello' }] } })
  t.false((await call(api, 'GET', '/metrics', { key })).text.includes('nonesuch'))
})
