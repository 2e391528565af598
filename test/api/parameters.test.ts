import test from 'ava'
import { call, startTestApi } from '../support/api.ts'
import type { TestApi } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

interface Parameter { readonly parameter: string, readonly support: string, readonly range: unknown, readonly renamed_to: string | null }

test('the parameters of a model are told for each of its deployments', async t => {
  const { status, body } = await call(api, 'GET', '/api/v1/parameters?model=sim-balanced')
  t.is(status, 200)
  t.is(body.object, 'parameters')
  t.is(body.unsupported_parameters, 'refuse')
  t.deepEqual(body.deployments.map(({ id, provider, kind }: Record<string, unknown>) => [id, provider, kind]),
    [['simulator/sim-fast', 'simulator', 'openai'], ['simulator/sim-instant', 'simulator', 'openai']])
  t.true(body.deployments[0].parameters.length > 30)
})

test('parameters are told of the models that a key may use, also by an entry that ends in *', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  await api.pool.query("UPDATE api_key SET models = '{sim-b*,sim-fast}' WHERE id = $1", [caller.keyId])
  const answers = await Promise.all(['sim-balanced', 'sim-fast', 'sim-claude'].map(async model => (await call(api, 'GET', `/api/v1/parameters?model=${model}`, { key })).status))
  t.deepEqual(answers, [200, 200, 403])
})

test('what a provider clamps and what it cannot do are told', async t => {
  const { body } = await call(api, 'GET', '/api/v1/parameters?model=sim-claude')
  const told = (name: string): Parameter => body.deployments[0].parameters.find((row: Parameter) => row.parameter === name)
  t.deepEqual(told('temperature').range, { min: 0, max: 2, outside: 'clamped', provider_min: 0, provider_max: 1 })
  t.is(told('seed').support, 'unsupported')
  t.is(told('seed').range, null)
})

test('top_k is told, refused or dropped on /v1/messages for a provider that has none', async t => {
  const told = async (model: string): Promise<Parameter> => (await call(api, 'GET', `/api/v1/parameters?model=${model}`)).body.deployments[0].parameters.find((row: Parameter) => row.parameter === 'top_k')
  t.is((await told('sim-fast')).support, 'unsupported')
  t.is((await told('sim-claude')).support, 'translated')
  t.is((await told('sim-gemini')).support, 'translated')
  const body = { model: 'sim-fast', max_tokens: 10, top_k: 40, messages: [{ role: 'user', content: 'Hi' }] }
  t.like(await call(api, 'POST', '/v1/messages', { body }), { status: 400, body: { error: { code: 'unsupported_parameter' } } })
  const dropped = await call(api, 'POST', '/v1/messages', { body, headers: { 'x-sira-unsupported-params': 'drop' } })
  t.is(dropped.status, 200)
  t.is(dropped.headers.get('x-sira-dropped-params'), 'top_k')
})

test('parameters of an unknown model, of none and without a key are refused', async t => {
  t.like(await call(api, 'GET', '/api/v1/parameters?model=missing'), { status: 404, body: { code: 'model_not_found', param: 'model' } })
  t.is((await call(api, 'GET', '/api/v1/parameters')).status, 400)
  t.is((await call(api, 'GET', '/api/v1/parameters?model=sim-fast', { key: null })).status, 401)
})

test('a key is told of the models that it may use, and of no other', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  const ids = async (): Promise<string[]> => (await call(api, 'GET', '/v1/models', { key })).body.data.map(({ id }: { id: string }) => id)
  t.deepEqual(await ids(), [...api.control.catalog.models.keys()])
  await api.pool.query("UPDATE api_key SET models = '{sim-b*,sim-fast}' WHERE id = $1", [caller.keyId])
  await api.control.refresh()
  t.deepEqual((await ids()).sort(), [...api.control.catalog.models.keys()].filter(id => id.startsWith('sim-b') || id === 'sim-fast').sort())
  t.like(await call(api, 'GET', '/v1/models/sim-balanced', { key }), { status: 200, body: { id: 'sim-balanced' } })
  t.like(await call(api, 'GET', '/v1/models/sim-claude', { key }), { status: 404, body: { error: { code: 'model_not_found', param: 'model' } } })
})
