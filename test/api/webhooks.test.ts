import test, { type ExecutionContext } from 'ava'
import { createHmacSecret } from '../../lib/webhooks/secrets.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'
import { addEvents } from './_events.ts'
import { addDelivery, dumpDatabase } from './_webhooks.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const send = async (method: string, path: string, body?: unknown, { key = api.key, headers = {} }: { key?: string, headers?: Record<string, string> } = {}): Promise<Answer> =>
  await call(api, method, `/api/v1/webhooks${path}`, { key, headers, ...(body === undefined ? {} : { body }) })
const url = 'http://127.0.0.1:9/hook'
const ids = ({ body }: Answer): string[] => body.data.map((item: { id: string }) => item.id)

async function create (t: ExecutionContext, body: object = {}, key = api.key): Promise<Answer['body']> {
  const answer = await send('POST', '', { url, event_types: ['*'], ...body }, { key })
  t.is(answer.status, 201, answer.text)
  return answer.body
}

test('an endpoint is made with its defaults, read without its secret, and removed', async t => {
  const made = await create(t)
  t.regex(made.secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  const { secret, ...endpoint } = made
  t.like(endpoint, {
    project_id: api.caller.projectId, scope: 'project', resource_id: null, description: '', targets: [{ url, weight: 1 }], event_types: ['*'], metadata: null, payload: 'thin',
    payload_version: '2026-11-27', signature: 'hmac', requests_per_second: null, concurrency: 10, ordered: false, header_names: [], enabled: true, disabled_reason: null, disabled_at: null,
    failures: 0, failing_since: null, last_success_at: null
  })
  t.deepEqual(endpoint.secrets.map((entry: object) => Object.keys(entry).sort()), [['created_at', 'expires_at', 'id', 'public_key']])
  t.deepEqual((await send('GET', `/${made.id}`)).body, endpoint)
  t.is((await send('DELETE', `/${made.id}`)).status, 204)
  t.is((await send('GET', `/${made.id}`)).status, 404)
  t.is((await send('DELETE', `/${made.id}`)).status, 404)
})

test('everything of an endpoint can be set, changed in part, and replaced as a whole', async t => {
  const targets = [{ url, weight: 3 }, { url: `${url}/2`, weight: 1 }]
  const settings = {
    targets, event_types: ['batch.*', 'response.completed'], description: 'mine', metadata: { team: 'a' }, payload: 'full', payload_version: '2026-11-27', requests_per_second: 5, concurrency: 2, ordered: true
  }
  const { id, secret } = await create(t, { ...settings, url: undefined, signature: 'hmac', headers: { Authorization: 'Bearer x', 'X-Team': 'a' }, secret: createHmacSecret(), enabled: false })
  t.is(secret, null, 'one\'s own is not told')
  t.like((await send('GET', `/${id}`)).body, { ...settings, header_names: ['Authorization', 'X-Team'], enabled: false, disabled_reason: 'requested' })
  const patched = (await send('PATCH', `/${id}`, { description: 'ours', requests_per_second: null, headers: { 'X-Other': 'b' }, enabled: true })).body
  t.like(patched, { ...settings, description: 'ours', requests_per_second: null, header_names: ['X-Other'], enabled: true, disabled_reason: null, disabled_at: null })
  t.true(patched.updated_at > patched.created_at)
  t.like((await send('PATCH', `/${id}`, { url: `${url}/3` })).body, { targets: [{ url: `${url}/3`, weight: 1 }], header_names: ['X-Other'] })
  t.deepEqual((await send('PATCH', `/${id}`, { headers: null })).body.header_names, [])
  await send('PATCH', `/${id}`, { headers: { a: 'b' }, enabled: false })
  t.like((await send('PUT', `/${id}`, { url, event_types: ['ping'] })).body, {
    targets: [{ url, weight: 1 }], event_types: ['ping'], description: '', metadata: null, payload: 'thin', requests_per_second: null, concurrency: 10, ordered: false, header_names: [], enabled: false
  })
  t.is((await send('PUT', `/${id}`, { url, event_types: ['ping'], signature: 'ed25519' })).body.param, 'signature')
  t.is((await send('PUT', `/${id}`, { event_types: ['ping'] })).body.code, 'missing_parameter')
})

test('what an endpoint cannot be is refused with a code and the field', async t => {
  const valid = { url, event_types: ['*'] }
  const { key } = await createTestTenant(api.pool)
  const { id } = await create(t, {}, key)
  const cases: ReadonlyArray<readonly [body: object, code: string, param: string]> = [
    [{ event_types: ['*'] }, 'missing_parameter', 'url'],
    [{ url }, 'missing_parameter', 'event_types'],
    [{ ...valid, targets: [{ url }] }, 'invalid_parameter', 'targets'],
    [{ event_types: ['*'], targets: [] }, 'invalid_parameter', 'targets'],
    [{ event_types: ['*'], targets: [{ url, weight: 0 }] }, 'invalid_parameter', 'targets.0.weight'],
    [{ event_types: ['*'], targets: [{ url }, { url }] }, 'invalid_parameter', 'targets'],
    [{ event_types: ['*'], targets: [{ url }, { url: 'https://169.254.169.254/' }] }, 'url_refused', 'targets.1.url'],
    [{ ...valid, url: 'ftp://receiver.example/' }, 'url_refused', 'url'],
    [{ ...valid, url: 'https://10.0.0.1/' }, 'url_refused', 'url'],
    [{ ...valid, url: 'https://user:pw@receiver.example/' }, 'url_refused', 'url'],
    [{ ...valid, event_types: [] }, 'invalid_parameter', 'event_types'],
    [{ ...valid, event_types: ['batch'] }, 'invalid_parameter', 'event_types'],
    [{ ...valid, event_types: ['nothing.*'] }, 'invalid_parameter', 'event_types'],
    [{ ...valid, event_types: ['ping', 'ping'] }, 'invalid_parameter', 'event_types'],
    [{ ...valid, payload: 'fat' }, 'invalid_parameter', 'payload'],
    [{ ...valid, payload_version: '2020-01-01' }, 'invalid_parameter', 'payload_version'],
    [{ ...valid, signature: 'rsa' }, 'invalid_parameter', 'signature'],
    [{ ...valid, requests_per_second: 0 }, 'invalid_parameter', 'requests_per_second'],
    [{ ...valid, concurrency: 101 }, 'invalid_parameter', 'concurrency'],
    [{ ...valid, ordered: 1 }, 'invalid_parameter', 'ordered'],
    [{ ...valid, description: '\u0000' }, 'invalid_parameter', 'description'],
    [{ ...valid, metadata: { a: 1 } }, 'invalid_parameter', 'metadata.a'],
    [{ ...valid, secret: 'whsec_c2hvcnQ=' }, 'invalid_parameter', 'secret'],
    [{ ...valid, secret: 'hunter2' }, 'invalid_parameter', 'secret'],
    [{ ...valid, secret: createHmacSecret(), signature: 'ed25519' }, 'invalid_parameter', 'secret'],
    [{ ...valid, scope: 'organization' }, 'insufficient_scope', 'undefined'],
    [{ ...valid, resource_id: 'batch_x' }, 'invalid_parameter', 'resource_id'],
    ...['webhook-id', 'Webhook-Signature', 'host', 'Content-Length', 'content-type', 'Connection', 'transfer-encoding', 'User-Agent', 'a b', 'ä', 'x'.repeat(65)]
      .map((name): [object, string, string] => [{ ...valid, headers: { [name]: 'x' } }, 'invalid_parameter', `headers.${name.slice(0, 64)}`]),
    ...['', 'a\r\nb: c', 'ä', ' a', 'x'.repeat(1_025)].map((value): [object, string, string] => [{ ...valid, headers: { 'x-a': value } }, 'invalid_parameter', 'headers.x-a']),
    [{ ...valid, headers: { 'x-a': '1', 'X-A': '2' } }, 'invalid_parameter', 'headers.X-A'],
    [{ ...valid, headers: Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`x-${index}`, 'x'])) }, 'invalid_parameter', 'headers']
  ]
  for (const [body, code, param] of cases) {
    const answer = await send('POST', '', body, { key })
    const what = `${JSON.stringify(body).slice(0, 200)}: ${answer.text}`
    t.deepEqual([answer.body.code, String(answer.body.param)], [code, param], what)
    if ('secret' in body) t.false(answer.text.includes(String(body.secret)), what)
    if (code === 'missing_parameter' || 'signature' in body || 'secret' in body) continue
    const changed = await send('PATCH', `/${id}`, body, { key })
    t.deepEqual([changed.body.code, String(changed.body.param)], [code, param], `PATCH ${what}`)
  }
  t.deepEqual(ids(await send('GET', '', undefined, { key })), [id], 'none was made')
  t.is((await send('PATCH', `/${id}`, {}, { key })).status, 400)
  t.is((await send('GET', '/%00')).status, 400)
})

test('endpoints are listed newest first in pages, those of single jobs only for their job', async t => {
  const { key, caller } = await createTestTenant(api.pool)
  const made: string[] = []
  for (let count = 0; count < 3; count++) made.unshift((await create(t, {}, key)).id)
  const batch = await call(api, 'POST', '/api/v1/batch', { key, body: { endpoint: '/v1/embeddings', requests: [{ custom_id: 'a', body: { model: 'sim-embed', input: 'x' } }], webhook_url: url } })
  const first = await send('GET', '?limit=2', undefined, { key })
  const second = await send('GET', `?limit=2&after=${first.body.next_after}`, undefined, { key })
  t.deepEqual([...ids(first), ...ids(second)], made)
  t.is(second.body.next_after, null)
  t.deepEqual(ids(await send('GET', `?resource_id=${batch.body.id}`, undefined, { key })), [batch.body.webhook.id])
  t.is((await api.pool.query('SELECT 1 FROM webhook_endpoint WHERE project_id = $1', [caller.projectId])).rowCount, 4)
})

test('secrets and custom headers are sealed, in no answer but the one that made them and its replays, and never in the clear in the database', async t => {
  const own = createHmacSecret()
  const headers = { 'X-Token': 'CANARY-of-a-header-0123456789' }
  const made = await create(t, { headers })
  const given = await create(t, { secret: own })
  const rotated = (await send('POST', `/${made.id}/rotate-secret`, {})).body
  const signing = await create(t, { signature: 'ed25519' })
  t.is(signing.secret, null)
  const once = { headers: { 'idempotency-key': 'webhook-once' } }
  const first = await send('POST', '', { url, event_types: ['*'], headers }, once)
  const replayed = await send('POST', '', { url, event_types: ['*'], headers }, once)
  t.is(replayed.headers.get('idempotent-replayed'), 'true')
  t.deepEqual(replayed.body, first.body, 'a replay is the first answer, secret included')
  t.regex(first.body.secret, /^whsec_/)
  const job = await call(api, 'POST', '/api/v1/batch', {
    body: { endpoint: '/v1/embeddings', requests: [{ custom_id: 'a', body: { model: 'sim-embed', input: 'x' } }], webhook_url: url }, headers: { 'idempotency-key': 'job-once' }
  })
  const answers: string[] = []
  for (const path of [`/${made.id}`, `/${given.id}`, `/${signing.id}`, `/${first.body.id}`, '?limit=100', `/${made.id}/deliveries`]) answers.push((await send('GET', path)).text)
  for (const [method, path, body] of [['PATCH', `/${made.id}`, { description: 'x' }], ['PUT', `/${given.id}`, { url, event_types: ['*'] }], ['POST', `/${made.id}/enable`, {}]] as const) answers.push((await send(method, path, body)).text)
  const everything = { tables: await dumpDatabase(api.pool), answers: answers.join('\n') }
  t.true(everything.tables.includes(made.id) && everything.answers.includes(made.id) && everything.answers.includes('X-Token'))
  for (const [where, text] of Object.entries(everything)) {
    for (const secret of [made.secret, own, rotated.secret, first.body.secret, job.body.webhook.secret, headers['X-Token']]) {
      t.regex(secret, /^(whsec_|CANARY)/)
      t.false(text.includes(secret.slice(6, 30)), where)
    }
    t.false(text.includes('whsk_'), where)
  }
})

test('a rotation tells the new secret, lets the old ones sign until their overlap ends, and keeps five at most', async t => {
  const { id, secrets: [first] } = await create(t)
  const rotated = await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 3600 })
  t.is(rotated.status, 201, rotated.text)
  t.regex(rotated.body.secret, /^whsec_/)
  const [newest, before] = rotated.body.secrets as Array<{ id: string, expires_at: string | null }>
  t.deepEqual([newest!.expires_at, before!.id], [null, first.id])
  const left = Date.parse(before!.expires_at!) - Date.now()
  t.true(left > 3_500_000 && left <= 3_600_000, String(left))
  const byDefault = (await send('POST', `/${id}/rotate-secret`)).body.secrets as Array<{ id: string, expires_at: string | null }>
  t.deepEqual(byDefault.map(secret => secret.id).slice(1), [newest!.id, before!.id])
  t.true(Date.parse(byDefault[1]!.expires_at!) - Date.now() > 86_000_000)
  t.is(byDefault[2]!.expires_at, before!.expires_at, 'an overlap is not made longer')
  for (let count = 0; count < 4; count++) await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 604_800 })
  t.is((await send('GET', `/${id}`)).body.secrets.length, 5)
  const once = { headers: { 'idempotency-key': `rotate-${id}` } }
  const [only, replay] = [await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 0 }, once), await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 0 }, once)]
  t.deepEqual([only.body.secrets.length, replay.body.secret], [1, only.body.secret])
  const own = createHmacSecret()
  t.is((await send('POST', `/${id}/rotate-secret`, { secret: own })).body.secret, null)
  await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 0 })
  t.is((await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 0 }, once)).body.secret, null, 'the secret of the replayed answer is gone')
  t.is((await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 604_801 })).body.param, 'overlap_seconds')
})

test('the public keys of an ed25519 endpoint are open to anybody, and of no other', async t => {
  const { id, secrets: [secret] } = await create(t, { signature: 'ed25519' })
  const hmac = await create(t)
  const keysOf = async (endpoint: string): Promise<Answer> => await call(api, 'GET', `/.well-known/webhook-keys/${endpoint}`, { key: null })
  const { status, body } = await keysOf(id)
  t.is(status, 200)
  const x = Buffer.from(secret.public_key.slice('whpk_'.length), 'base64').toString('base64url')
  t.deepEqual(body, { keys: [{ kty: 'OKP', crv: 'Ed25519', x, kid: secret.id, use: 'sig', alg: 'EdDSA' }] })
  await send('POST', `/${id}/rotate-secret`, {})
  t.deepEqual((await keysOf(id)).body.keys.map((key: { kid: string }) => key.kid).slice(1), [secret.id], 'both while they overlap')
  await send('POST', `/${id}/rotate-secret`, { overlap_seconds: 0 })
  t.is((await keysOf(id)).body.keys.length, 1)
  for (const none of [hmac.id, 'we_none']) t.is((await keysOf(none)).status, 404)
  t.is((await keysOf('%00')).status, 400)
})

const statesOf = async (endpoint: string): Promise<Record<string, number>> => Object.fromEntries((await api.pool.query<{ state: string, count: number }>(
  'SELECT state, count(*)::int AS count FROM webhook_delivery WHERE endpoint_id = $1 GROUP BY state', [endpoint])).rows.map(row => [row.state, row.count]))
const dispatchOf = async (endpoint: string): Promise<{ state: string, failures: number }> => (await api.pool.query<{ state: string, failures: number }>('SELECT state, failures FROM webhook_dispatch WHERE endpoint_id = $1', [endpoint])).rows[0]!

test('a disabled endpoint is sent nothing more, and enabled again it gets what it missed only when asked', async t => {
  const { id } = await create(t, { event_types: ['response.failed'] })
  const [done, waiting, missed] = await addEvents(api.pool, api.caller, ['response.failed', 'response.failed', 'response.failed'])
  await addDelivery(api.pool, id, done!, { state: 'delivered' })
  await addDelivery(api.pool, id, waiting!)
  await api.pool.query("UPDATE webhook_dispatch SET state = 'waiting', failures = 7, failing_since = now(), failing_told = true WHERE endpoint_id = $1", [id])
  const disabled = (await send('PATCH', `/${id}`, { enabled: false })).body
  t.like(disabled, { enabled: false, disabled_reason: 'requested' })
  t.deepEqual(await statesOf(id), { delivered: 1, disabled: 1 })
  const { rows: told } = await api.pool.query<{ type: string, data: object }>('SELECT type, data FROM event WHERE resource_id = $1', [id])
  t.deepEqual(told, [{ type: 'webhook.endpoint_disabled', data: { reason: 'requested' } }])
  t.is((await send('PATCH', `/${id}`, { enabled: false })).body.disabled_at, disabled.disabled_at, 'a second time changes nothing')
  await addDelivery(api.pool, id, missed!, { state: 'disabled' })

  t.like((await send('POST', `/${id}/enable`)).body, { enabled: true, disabled_reason: null, failures: 0, failing_since: null, queued: 0 })
  t.deepEqual(await statesOf(id), { delivered: 1, disabled: 2 })
  t.is((await dispatchOf(id)).state, 'waiting')
  t.like((await send('POST', `/${id}/enable`, { replay_missed: true })).body, { enabled: true, queued: 2 })
  t.deepEqual(await statesOf(id), { delivered: 1, pending: 2 })
  t.deepEqual(await dispatchOf(id), { state: 'working', failures: 0 })
  t.is((await api.pool.query("SELECT FROM webhook_delivery WHERE endpoint_id = $1 AND state = 'pending' AND (due_at > now() OR round > 0 OR finished_at IS NOT NULL)", [id])).rowCount, 0)
  t.is((await send('POST', `/${id}/enable`, { replay_missed: true })).body.queued, 0)
})

test('what was missed is queued again however much it is', async t => {
  const { id } = await create(t, { event_types: ['response.failed'], enabled: false })
  const [event] = await addEvents(api.pool, api.caller, ['response.failed'])
  await addDelivery(api.pool, id, event!, { state: 'disabled' })
  await api.pool.query(
    `WITH copy AS (INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data, feed_seq)
       SELECT 'evt_many' || number, organization_id, project_id, 'many', number, type, data, NULL FROM event, generate_series(1, 10500) AS number WHERE id = $1 RETURNING *)
     INSERT INTO webhook_delivery (id, endpoint_id, event_id, organization_id, project_id, resource_id, event_seq, event_type, state)
     SELECT 'whd_many' || seq, $2, id, organization_id, project_id, resource_id, seq, type, 'disabled' FROM copy`, [event, id])
  t.is((await send('POST', `/${id}/enable`, { replay_missed: true })).body.queued, 10_501)
  t.deepEqual(await statesOf(id), { pending: 10_501 })
  await send('PATCH', `/${id}`, { enabled: false })
  t.deepEqual(await statesOf(id), { disabled: 10_501 })
  t.is((await send('DELETE', `/${id}`)).status, 204)
  t.deepEqual(await statesOf(id), {})
  await api.pool.query("DELETE FROM event WHERE id LIKE 'evt_many%'")
})

test('deliveries and their attempts are listed, found by what they are, and read one by one', async t => {
  const { id } = await create(t)
  const events = await addEvents(api.pool, api.caller, ['batch.created', 'batch.completed', 'response.failed'])
  const ago = (hours: number): Date => new Date(Date.now() - hours * 3_600_000)
  const attempts = [{ status: null, errorClass: 'timeout' }, { status: 500, body: 'broken' }, { status: 200, body: 'fine' }]
  const first = await addDelivery(api.pool, id, events[0]!, { state: 'delivered', attempts, createdAt: ago(3) })
  const second = await addDelivery(api.pool, id, events[1]!, { state: 'exhausted', attempts: [{ status: 503 }], createdAt: ago(2) })
  const third = await addDelivery(api.pool, id, events[2]!, { createdAt: ago(1) })
  await api.pool.query("UPDATE webhook_delivery SET replay_id = 'replay_1' WHERE id = $1", [second])
  const cases: ReadonlyArray<readonly [query: string, expected: string[]]> = [
    ['', [third, second, first]], ['?state=pending', [third]], ['?state=delivered', [first]], ['?event_type=batch.*', [second, first]], ['?event_type=ping', []],
    [`?event_id=${events[1]}`, [second]], ['?replay_id=replay_1', [second]], [`?since=${ago(2.5).toISOString()}`, [third, second]], [`?until=${ago(2.5).toISOString()}`, [first]],
    ['?limit=1', [third]], [`?after=${second}`, [first]]
  ]
  for (const [query, expected] of cases) t.deepEqual(ids(await send('GET', `/${id}/deliveries${query}`)), expected, query)
  t.like((await send('GET', `/${id}/deliveries/${first}`)).body, {
    id: first, endpoint_id: id, event_id: events[0], event_type: 'batch.created', event_seq: 1, state: 'delivered', trigger: 'event', attempts: 3, last_status: 200, last_error_class: null, due_at: null
  })
  t.like((await send('GET', `/${id}/deliveries/${third}`)).body, { state: 'pending', attempts: 0, last_status: null, finished_at: null })
  const page = (await send('GET', `/${id}/deliveries/${first}/attempts?limit=2`)).body
  t.like(page, { has_more: true, next_after: '2' })
  t.deepEqual(page.data[0], {
    number: 1,
    trigger: 'event',
    url: 'https://receiver.example/hook',
    address: '203.0.113.7',
    status: null,
    error_class: 'timeout',
    error_message: 'No answer.',
    timing: { dns: 1, connect: 2, tls: 3, first_byte: 4, total: 10 },
    request: { headers: { 'webhook-id': 'evt_1' }, body: '{}' },
    response: null,
    started_at: page.data[0].started_at
  })
  const rest = (await send('GET', `/${id}/deliveries/${first}/attempts?after=2`)).body
  t.deepEqual(rest.data.map((attempt: { number: number, response: object }) => [attempt.number, attempt.response]), [[3, { headers: { server: 'x' }, body: 'fine' }]])
  for (const query of ['?state=lost', '?event_type=x', '?since=x', '?limit=0']) t.is((await send('GET', `/${id}/deliveries${query}`)).status, 400, query)
  for (const path of ['/we_none/deliveries', `/${id}/deliveries/whd_none`, `/${id}/deliveries/whd_none/attempts`]) t.is((await send('GET', path)).status, 404)
})

test('a delivery is retried now whatever came of it, as often as one asks, but not to a disabled endpoint', async t => {
  const { id } = await create(t)
  const other = await create(t)
  const [one, two] = await addEvents(api.pool, api.caller, ['batch.created', 'batch.completed'])
  const pending = await addDelivery(api.pool, id, one!, { attempts: [{ status: 500 }] })
  const delivered = await addDelivery(api.pool, id, two!, { state: 'delivered', attempts: [{ status: 200 }] })
  for (const delivery of [pending, delivered, delivered]) {
    const answer = await send('POST', `/${id}/deliveries/${delivery}/retry`)
    t.is(answer.status, 200, answer.text)
    t.like(answer.body, { id: delivery, state: 'pending', trigger: 'retry', attempts: 1, finished_at: null })
    t.true(Date.parse(answer.body.due_at) <= Date.now() + 1_000)
  }
  t.is((await dispatchOf(id)).state, 'working')
  t.is((await send('POST', `/${other.id}/deliveries/${pending}/retry`)).status, 404)
  await send('PATCH', `/${id}`, { enabled: false })
  t.like((await send('POST', `/${id}/deliveries/${pending}/retry`)).body, { code: 'state_conflict', status: 409 })
  t.is((await send('GET', `/${id}/deliveries/${pending}`)).body.state, 'disabled')
})

test('an endpoint for a whole organization, its log included, is only for keys that may see the whole', async t => {
  const { key: whole, caller } = await createTestTenant(api.pool, ['organization'])
  const { key: narrow } = (await call(api, 'POST', '/api/v1/keys', { key: whole, body: { name: 'narrow' } })).body as { key: string }
  const { id } = await create(t, { scope: 'organization' }, whole)
  const [event] = await addEvents(api.pool, { ...caller, projectId: 'proj_other' }, ['batch.created'])
  const delivery = await addDelivery(api.pool, id, event!, { attempts: [{ status: 200 }] })
  const log = `/${id}/deliveries/${delivery}`
  for (const path of [`/${id}`, `/${id}/deliveries`, log, `${log}/attempts`]) {
    t.is((await send('GET', path, undefined, { key: whole })).status, 200, path)
    t.is((await send('GET', path, undefined, { key: narrow })).status, 404, path)
  }
  for (const [method, path, body] of [
    ['PATCH', `/${id}`, { url: `${url}/mine` }], ['PUT', `/${id}`, { url, event_types: ['*'] }], ['DELETE', `/${id}`], ['POST', `/${id}/rotate-secret`, {}], ['POST', `/${id}/enable`, {}], ['POST', `${log}/retry`]
  ] as const) t.is((await send(method, path, body, { key: narrow })).status, 404, `${method} ${path}`)
  t.deepEqual(ids(await send('GET', '', undefined, { key: narrow })), [])
  t.deepEqual(ids(await send('GET', '', undefined, { key: whole })), [id])
  const mine = await create(t, {}, narrow)
  t.is((await send('PATCH', `/${mine.id}`, { scope: 'organization' }, { key: narrow })).body.code, 'insufficient_scope')
})

test('every route of webhooks and events needs the scope webhooks', async t => {
  const { key } = await createTestTenant(api.pool, ['batch', 'inference', 'files', 'usage'])
  const documented = Object.entries((api.app.swagger() as { paths: Record<string, Record<string, { tags?: string[], security?: unknown[] }>> }).paths).flatMap(([path, methods]) =>
    Object.entries(methods).filter(([, { tags, security }]) => ['Webhooks', 'Events'].includes(tags?.[0] ?? '') && security === undefined).map(([method]) => [method.toUpperCase(), path.replace(/\{\w+\}/g, 'x')] as const))
  t.true(documented.length >= 15)
  for (const [method, path] of documented) {
    const answer = await call(api, method, path, { key, ...(method === 'GET' || method === 'DELETE' ? {} : { body: {} }) })
    t.like([answer.status, answer.body], [403, { code: 'insufficient_scope', params: { scope: 'webhooks' } }], `${method} ${path}`)
  }
})

test('without encryption keys no endpoint is made, and the answer says why', async t => {
  const bare = await startTestApi({ variables: { SIRA_ENCRYPTION_KEYS: '' } })
  t.teardown(bare.close)
  const batch = { endpoint: '/v1/embeddings', requests: [{ custom_id: 'a', body: { model: 'sim-embed', input: 'x' } }], webhook_url: url }
  for (const [path, body] of [['/api/v1/webhooks', { url, event_types: ['*'] }], ['/api/v1/batch', batch]] as const) {
    t.like((await call(bare, 'POST', path, { body })).body, { code: 'encryption_not_configured', status: 409 })
  }
  t.is((await bare.pool.query('SELECT FROM job')).rowCount, 0)
})
