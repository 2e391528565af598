import test from 'ava'
import { createHmacSecret } from '../../lib/webhooks/secrets.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'
import { dumpDatabase } from './_webhooks.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

const url = 'http://127.0.0.1:9/hook'
const inline = { endpoint: '/v1/embeddings', requests: [{ custom_id: 'a', body: { model: 'sim-embed', input: 'x' } }] }
const openaiBatch = { input_file_id: 'file-none', endpoint: '/v1/embeddings', completion_window: '24h' }
const response = { model: 'sim-instant', input: 'hello', background: true }
const post = async (path: string, body: object, headers: Record<string, string> = {}, key = api.key): Promise<Answer> => await call(api, 'POST', path, { body, headers, key })
/** Above 1 MiB they are read, and endpoints added, in a thread that has no keys. */
const largeInline = { ...inline, requests: Array.from({ length: 100 }, (_, place) => ({ custom_id: `row-${place}`, body: { model: 'sim-embed', input: 'x'.repeat(12_000) } })) }
const largeResponse = { ...response, input: 'x'.repeat(1_200_000) }
const creations: ReadonlyArray<readonly [what: string, path: string, body: object, pattern: string]> = [
  ['POST /api/v1/batch', '/api/v1/batch', inline, 'batch.*'],
  ['a large POST /api/v1/batch', '/api/v1/batch', largeInline, 'batch.*'],
  ['POST /v1/batches', '/v1/batches', openaiBatch, 'batch.*'],
  ['POST /v1/responses', '/v1/responses', response, 'response.*'],
  ['a large POST /v1/responses', '/v1/responses', largeResponse, 'response.*']
]

for (const [what, path, body, pattern] of creations) {
  test(`${what} with a webhook_url makes an endpoint for the job alone, in its transaction, and tells its secret`, async t => {
    const made = await post(path, { ...body, webhook_url: url })
    t.true(made.status < 300, made.text.slice(0, 500))
    t.regex(made.body.webhook.secret, /^whsec_/)
    const { body: endpoint } = await call(api, 'GET', `/api/v1/webhooks/${made.body.webhook.id}`)
    t.like(endpoint, { resource_id: made.body.id, event_types: [pattern], targets: [{ url, weight: 1 }], payload: 'thin', signature: 'hmac', enabled: true })
    t.is(endpoint.secrets[0].id, made.body.webhook.secret_id)
    t.false('webhook' in (await post(path, body)).body, 'a job without one says nothing of it')
    const { rows } = await api.pool.query('SELECT DISTINCT xmin FROM (SELECT xmin FROM webhook_endpoint WHERE id = $1 UNION ALL SELECT xmin FROM response WHERE id = $2 UNION ALL SELECT xmin FROM job WHERE id = $2) AS made', [made.body.webhook.id, made.body.id])
    t.is(rows.length, 1, 'one transaction')
  })

  test(`${what}, repeated, tells the same secret and makes one endpoint, and one's own secret is never told`, async t => {
    const headers = { 'idempotency-key': `job ${what}` }
    const [first, second] = [await post(path, { ...body, webhook_url: url }, headers), await post(path, { ...body, webhook_url: url }, headers)]
    t.is(second.headers.get('idempotent-replayed'), 'true')
    t.deepEqual(second.body, first.body)
    t.regex(second.body.webhook.secret, /^whsec_/)
    const own = createHmacSecret()
    const given = { ...body, webhook_url: url, webhook_secret: own }
    const ofOwn = { 'idempotency-key': `own ${what}` }
    for (const answer of [await post(path, given, ofOwn), await post(path, given, ofOwn)]) {
      t.is(answer.body.webhook.secret, null)
      t.false(answer.text.includes(own))
    }
    const everything = await dumpDatabase(api.pool)
    t.true(everything.includes(first.body.webhook.id))
    for (const secret of [own, first.body.webhook.secret]) t.false(everything.includes(secret.slice(6, 30)))
  })

  test(`${what} refuses a webhook that cannot be, and creates nothing`, async t => {
    const { key, caller } = await createTestTenant(api.pool)
    const { key: narrow } = await createTestTenant(api.pool, ['batch', 'inference'])
    const cases: ReadonlyArray<readonly [fields: object, code: string, param: string | null]> = [
      [{ webhook_url: 'https://169.254.169.254/' }, 'url_refused', 'webhook_url'],
      [{ webhook_url: 'ftp://x.example' }, 'url_refused', 'webhook_url'],
      [{ webhook_url: 5 }, 'invalid_parameter', 'webhook_url'],
      [{ webhook_url: url, webhook_secret: 'hunter2' }, 'invalid_parameter', 'webhook_secret'],
      [{ webhook_secret: createHmacSecret() }, 'invalid_parameter', 'webhook_secret']
    ]
    for (const [fields, code, param] of cases) {
      const { body: answer, text } = await post(path, { ...body, ...fields }, {}, key)
      const told = answer.error ?? answer
      t.deepEqual([told.code, told.param], [code, param], `${JSON.stringify(fields)}: ${text}`)
      t.false(text.includes('hunter2'))
    }
    const refused = (await post(path, { ...body, webhook_url: url }, {}, narrow)).body
    t.is((refused.error ?? refused).code, 'insufficient_scope')
    for (const table of ['job', 'response', 'webhook_endpoint']) t.is((await api.pool.query(`SELECT FROM ${table} WHERE project_id = $1`, [caller.projectId])).rowCount, 0, table)
  })
}

test('what tells of a response is no part of the request that is kept, and only background responses have it', async t => {
  const made = await post('/v1/responses', { ...response, webhook_url: url, webhook_secret: createHmacSecret() })
  const { rows } = await api.pool.query<{ request: string }>('SELECT request FROM response WHERE id = $1', [made.body.id])
  t.deepEqual(JSON.parse(rows[0]!.request), response)
  t.is((await post('/v1/responses', { ...response, background: false, webhook_url: url })).body.error.param, 'webhook_url')
  t.is((await post('/v1/responses', { ...response, stream: true, webhook_url: url })).body.error.param, 'webhook_secret')
})

test('OpenAI\'s SDK passes the fields on and gives what the answer tells', async t => {
  const batch = await api.openai().batches.create({ ...openaiBatch, webhook_url: url } as never) as unknown as { id: string, webhook: { secret: string } }
  t.regex(batch.webhook.secret, /^whsec_/)
  const made = await api.openai().responses.create({ ...response, webhook_url: url } as never) as unknown as { id: string, webhook: { secret: string } }
  t.regex(made.webhook.secret, /^whsec_/)
})

test('the endpoint of a job outlives the job, whose last events it may still have to tell', async t => {
  const batch = (await post('/api/v1/batch', { ...inline, webhook_url: url })).body
  const made = (await post('/v1/responses', { ...response, webhook_url: url })).body
  await api.pool.query("UPDATE job SET state = 'succeeded' WHERE id = $1", [batch.id])
  for (const [path, { webhook }] of [[`/api/v1/batch/${batch.id}`, batch], [`/v1/responses/${made.id}`, made]] as const) {
    t.true((await call(api, 'DELETE', path)).status < 300)
    t.is((await call(api, 'GET', `/api/v1/webhooks/${webhook.id}`)).status, 200)
  }
})
