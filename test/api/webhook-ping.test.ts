import test, { type ExecutionContext } from 'ava'
import { Webhook } from 'standardwebhooks'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'
import { openReceiver } from '../support/webhook-receiver.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const send = async (method: string, path: string, body?: unknown, key = api.key): Promise<Answer> => await call(api, method, `/api/v1/webhooks${path}`, { key, ...(body === undefined ? {} : { body }) })
const ids = ({ body }: Answer): string[] => body.data.map((item: { id: string }) => item.id)

async function create (t: ExecutionContext, body: object, key = api.key): Promise<Answer['body']> {
  const answer = await send('POST', '', { event_types: ['*'], ...body }, key)
  t.is(answer.status, 201, answer.text)
  return answer.body
}

test('a ping shows at once what the receiver says, is signed and logged, and changes nothing else of the endpoint', async t => {
  const receiver = await openReceiver(t)
  receiver.behave(() => ({ status: 503, headers: { 'x-who': 'receiver' }, body: 'ä'.repeat(2_000) }))
  const headers = { 'X-Token': 'CANARY-header' }
  const { id, secret } = await create(t, { url: `${receiver.url}/hook`, event_types: ['batch.created'], headers, enabled: false })
  const other = await create(t, { url: `${receiver.url}/other` })
  const failed = await send('POST', '/test', { endpoint: id })
  t.is(failed.status, 200, failed.text)
  t.like(failed.body, { success: false, url: `${receiver.url}/hook`, address: '127.0.0.1', status: 503, error_class: null, error_message: null })
  t.is(failed.body.response.headers['x-who'], 'receiver')
  t.is(failed.body.response.body, 'ä'.repeat(500), '1,000 bytes, and no half of a character')
  t.true(failed.body.timing.total >= 0 && failed.body.timing.first_byte >= 0)
  const [request] = receiver.received
  t.like(JSON.parse(request!.body), { id: failed.body.event_id, type: 'ping', data: { id } })
  t.is(request!.headers['x-token'], headers['X-Token'])
  t.notThrows(() => new Webhook(secret).verify(request!.body, request!.headers as Record<string, string>))
  t.false(failed.text.includes('CANARY') || failed.text.includes(secret.slice(6, 30)))
  receiver.behave(() => ({ status: 204 }))
  const succeeded = (await send('POST', '/test', { endpoint: id })).body
  t.like(succeeded, { success: true, status: 204, response: { body: '' } })
  t.like((await send('GET', `/${id}/deliveries/${succeeded.delivery_id}`)).body, { state: 'delivered', trigger: 'test', attempts: 1, last_status: 204, event_id: succeeded.event_id, event_type: 'ping' })
  t.like((await send('GET', `/${id}/deliveries/${failed.body.delivery_id}`)).body, { state: 'exhausted', trigger: 'test', attempts: 1 })
  const attempts = (await send('GET', `/${id}/deliveries/${failed.body.delivery_id}/attempts`)).body.data
  t.like(attempts[0], { number: 1, trigger: 'test', status: 503, address: '127.0.0.1' })
  t.false(JSON.stringify(attempts).includes('CANARY'))
  t.like((await send('GET', `/${id}`)).body, { enabled: false, failures: 0, last_success_at: null })
  // the events are in the feed, in their order, and go to nobody else
  const events = (await call(api, 'GET', `/api/v1/events?resource_id=${id}`)).body.data as Array<{ id: string, seq: number, type: string }>
  t.deepEqual(events.map(event => [event.id, event.seq, event.type]), [[succeeded.event_id, 2, 'ping'], [failed.body.event_id, 1, 'ping']])
  t.deepEqual(ids(await send('GET', `/${other.id}/deliveries`)), [])
  t.is(receiver.received.length, 2)
})

test('a ping that gets no answer says why', async t => {
  const receiver = await openReceiver(t)
  receiver.behave(({ path }) => path === '/reset' ? 'reset' : { status: 302, headers: { location: `${receiver.url}/elsewhere` } })
  const ping = async (target: string): Promise<Answer['body']> => (await send('POST', '/test', { endpoint: (await create(t, { url: target })).id })).body
  t.like(await ping(`${receiver.url}/reset`), { success: false, status: null, error_class: 'reset', response: null })
  t.like(await ping('http://127.0.0.1:1/'), { success: false, status: null, error_class: 'connect' })
  t.like(await ping(`${receiver.url}/redirect`), { success: false, status: 302, error_class: null })
  t.deepEqual(receiver.received.map(({ path }) => path), ['/reset', '/redirect'], 'redirects are not followed')
  // as if the rules had become stricter since the URL was saved
  const { id } = await create(t, { url: 'http://127.0.0.1:9/' })
  await api.pool.query('UPDATE webhook_endpoint SET targets = $2 WHERE id = $1', [id, JSON.stringify([{ url: 'https://169.254.169.254/', weight: 1 }])])
  t.like((await send('POST', '/test', { endpoint: id })).body, { success: false, status: null, error_class: 'ssrf_blocked', address: null })
  t.is((await send('POST', '/test', { endpoint: 'we_none' })).status, 404)
  t.is((await send('POST', '/test', {})).body.code, 'missing_parameter')
})

test('a project cannot have many tests under way at once', async t => {
  const receiver = await openReceiver(t)
  receiver.behave(() => ({ delay: 500 }))
  const { key } = await createTestTenant(api.pool)
  const { id } = await create(t, { url: receiver.url }, key)
  const answers = await Promise.all(Array.from({ length: 12 }, async () => await send('POST', '/test', { endpoint: id }, key)))
  const codes = answers.map(({ status, body }) => status === 200 ? 'ok' : body.code as string)
  t.true(codes.filter(code => code === 'ok').length >= 5)
  t.true(codes.includes('concurrency_limit_exceeded') && receiver.load.most <= 5)
  t.is((await send('POST', '/test', { endpoint: id }, key)).status, 200)
})
