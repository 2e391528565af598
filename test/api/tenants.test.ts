import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { toFile } from 'openai'
import { createKeyText, createTenant, insertKey } from '../../lib/store/keys.ts'
import { newId } from '../../lib/ids.ts'
import { call, startTestApi, type TestApi } from '../support/api.ts'
import { chatRow, followJob, jsonLines, parseLines } from '../support/api-batch.ts'
import { quickestOf } from '../support/quickest.ts'
import { createTestTenant } from '../support/tenant.ts'
import { addEvents } from './_events.ts'
import { addDelivery } from './_webhooks.ts'

const mark = 'MARKOFTHEOWNER' // in everything that the owner sends, so that it would be seen in an answer to somebody else
let api: TestApi
/** What the owner has; the matrix below asks for it with other keys. */
let owned: { finished: string, response: string, running: string, file: string, output: string, upload: string, part: string, preset: string, endpoint: string, delivery: string, event: string }
/** What is administered in the owner's organization. */
let administered: { project: string, key: string, limit: string, budget: string }
/** May administer another organization. */
let administrator: string
let strangers: { title: string, key: string }[]
/** As the owner sees each of its things, before and after the others tried to get at them. */
let before: string

test.before(async () => {
  api = await startTestApi({ worker: true })
  const openai = api.openai()
  const content = jsonLines([chatRow(`row-${mark}`, { prompt: mark })])
  const { id: file } = await openai.files.create({ file: await toFile(Buffer.from(content), `${mark}.jsonl`), purpose: 'batch' })
  const fields = { input_file_id: file, endpoint: '/v1/chat/completions', completion_window: '24h', metadata: { mark } } as const
  const { id: finished } = await openai.batches.create(fields)
  await followJob(api, finished)
  const { output_file_id: output } = await openai.batches.retrieve(finished)
  const hanging = { custom_id: `hangs-${mark}`, body: chatRow('', { prompt: `[[sim:hang]] ${mark}` }).body }
  const running = await call(api, 'POST', '/api/v1/batch', { body: { endpoint: '/v1/chat/completions', requests: [hanging], metadata: { mark } } })
  const upload = await openai.uploads.create({ filename: `${mark}.jsonl`, purpose: 'batch', bytes: 3, mime_type: 'application/jsonl' })
  const part = await openai.uploads.parts.create(upload.id, { data: await toFile(Buffer.from('abc')) })
  const preset = await call(api, 'POST', '/api/v1/presets', { body: { name: mark, parameters: { user: mark } } })
  const { id: response } = await openai.responses.create({ model: 'sim-instant', input: mark })
  const endpoint = await call(api, 'POST', '/api/v1/webhooks', { body: { url: `http://127.0.0.1:9/${mark}`, event_types: ['ping'], description: mark, metadata: { mark }, headers: { [`x-${mark}`]: mark }, signature: 'ed25519' } })
  const [event] = await addEvents(api.pool, api.caller, ['batch.completed'], { data: { mark } })
  const delivery = await addDelivery(api.pool, endpoint.body.id, event!, { state: 'exhausted', attempts: [{ status: 500, body: mark }] })
  owned = { finished, response, running: running.body.id, file, output: output!, upload: upload.id, part: part.id, preset: preset.body.id, endpoint: endpoint.body.id, delivery, event: event! }

  const { organizationId } = api.caller
  const sibling = { organizationId, projectId: newId('project') }
  const siblingKey = createKeyText()
  await createTenant(api.pool, { ...sibling, name: 'sibling' })
  await insertKey(api.pool, { ...sibling, name: 'sibling', scopes: [], text: siblingKey })
  strangers = [
    { title: 'of another organization', key: (await createTestTenant(api.pool)).key },
    { title: 'of another project of the organization', key: siblingKey },
    { title: 'of another organization, with the scope admin', key: (await createTestTenant(api.pool, ['admin'])).key }
  ]
  const { key: ownAdministrator } = await createTestTenant(api.pool, ['admin'])
  const make = async (path: string, body: object): Promise<string> => (await call(api, 'POST', `/api/v1/${path}`, { body, key: ownAdministrator })).body.id
  administered = {
    project: await make('projects', { name: mark, organization_id: organizationId }),
    key: await make('keys', { name: mark, project_id: api.caller.projectId, rotate_every_days: 1 }),
    limit: await make('limits', { kind: 'key', subject_id: api.caller.keyId, requests_per_minute: 1_000_000 }),
    budget: await make('budgets', { kind: 'key', subject_id: api.caller.keyId, period: 'total', amount: '1000000' })
  }
  administrator = (await createTestTenant(api.pool, ['organization'])).key
  before = await snapshot()
})
test.after.always(async () => {
  await call(api, 'POST', `/api/v1/batch/cancel/${owned.running}`)
  await api.close()
})

async function snapshot (): Promise<string> {
  const paths = [`/v1/batches/${owned.finished}`, `/api/v1/batch/${owned.running}/status`, `/v1/files/${owned.file}`, `/v1/files/${owned.file}/content`, `/v1/files/${owned.output}/content`, `/v1/responses/${owned.response}`]
  const { rows } = await api.pool.query<Record<string, unknown>>('SELECT id, status, (SELECT count(*) FROM upload_part WHERE upload_id = upload.id) AS parts FROM upload WHERE project_id = $1', [api.caller.projectId])
  const tables = ['project', 'api_key', 'usage_limit', 'budget']
  const endpoints = '(SELECT id FROM webhook_endpoint WHERE project_id = $1)'
  for (const [table, condition] of [['webhook_endpoint', 'project_id = $1'], ['webhook_secret', `endpoint_id IN ${endpoints}`], ['webhook_delivery', `endpoint_id IN ${endpoints}`]] as const) {
    rows.push(...(await api.pool.query(`SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM ${table} AS t WHERE ${condition}`, [api.caller.projectId])).rows)
  }
  rows.push(...(await api.pool.query('SELECT * FROM preset WHERE project_id = $1 ORDER BY id', [api.caller.projectId])).rows)
  for (const table of tables) rows.push(...(await api.pool.query(`SELECT * FROM ${table} WHERE organization_id = $1 ORDER BY id`, [api.caller.organizationId])).rows)
  return (await Promise.all(paths.map(async path => (await call(api, 'GET', path)).text))).join('\n') + JSON.stringify(rows)
}

interface Attempt { path: string, body?: unknown, form?: string }
/**
 * How a stranger tries each route with the owner's ids: `hidden` routes must answer as if nothing were there; `own` ones
 * answer with what is the stranger's own; `open` ones know no tenant. `administered` ones are refused for lack of a scope, and hidden from
 * who administers another organization; `installation` ones are for the scope admin alone. A route without a case fails the first test.
 */
type Case = { kind: 'hidden', attempts: () => Attempt[] } | { kind: 'own' | 'administered' | 'installation', attempts: () => Attempt[] } | { kind: 'open' }

const hidden = (...paths: Array<() => string>): Case => ({ kind: 'hidden', attempts: () => paths.map(path => ({ path: path() })) })
const batch = (path: (id: string) => string): Case => hidden(() => path(owned.finished), () => path(owned.running))
const open: Case = { kind: 'open' }
const administer = (path: () => string, body?: () => object): Case => ({ kind: 'administered', attempts: () => [{ path: `/api/v1/${path()}`, ...(body === undefined ? {} : { body: body() }) }] })
const installation = (path: string, body?: object): Case => ({ kind: 'installation', attempts: () => [{ path: `/api/v1/${path}`, ...(body === undefined ? {} : { body }) }] })

const cases: Readonly<Record<string, Case>> = {
  'GET /livez': open,
  'GET /readyz': open,
  'GET /openapi.json': open,
  'GET /metrics': { kind: 'installation', attempts: () => [{ path: '/metrics' }] },
  'POST /v1/chat/completions': { kind: 'own', attempts: () => [{ path: '/v1/chat/completions', body: { model: 'sim-instant', messages: [{ role: 'user', content: 'x' }] } }] },
  'POST /v1/completions': { kind: 'own', attempts: () => [{ path: '/v1/completions', body: { model: 'sim-instant', prompt: 'x' } }] },
  'POST /v1/embeddings': { kind: 'own', attempts: () => [{ path: '/v1/embeddings', body: { model: 'sim-embed', input: 'x' } }] },
  'POST /v1/moderations': { kind: 'own', attempts: () => [{ path: '/v1/moderations', body: { model: 'sim-moderation', input: 'x' } }] },
  'POST /v1/messages': { kind: 'own', attempts: () => [{ path: '/v1/messages', body: { model: 'sim-claude', max_tokens: 5, messages: [{ role: 'user', content: 'x' }] } }] },
  'POST /v1/responses': {
    kind: 'hidden', attempts: () => [{ path: '/v1/responses', body: { model: 'sim-instant', input: 'x', previous_response_id: owned.response } }]
  },
  'GET /v1/responses/{id}': hidden(() => `/v1/responses/${owned.response}`, () => `/v1/responses/${owned.response}?stream=true`),
  'DELETE /v1/responses/{id}': hidden(() => `/v1/responses/${owned.response}`),
  'POST /v1/responses/{id}/cancel': hidden(() => `/v1/responses/${owned.response}/cancel`),
  'GET /v1/responses/{id}/input_items': hidden(() => `/v1/responses/${owned.response}/input_items`),
  'GET /api/v1/parameters': { kind: 'own', attempts: () => [{ path: '/api/v1/parameters?model=sim-fast' }] },
  'GET /api/v1/usage': { kind: 'own', attempts: () => [{ path: '/api/v1/usage' }, { path: `/api/v1/usage?project=${api.caller.projectId}` }] },
  ...Object.fromEntries(['usage/completions', 'usage/embeddings', 'usage/moderations', 'usage/images', 'usage/audio_speeches', 'usage/audio_transcriptions', 'usage/vector_stores',
    'usage/code_interpreter_sessions', 'usage/file_search_calls', 'usage/web_search_calls', 'costs'].map((path): [string, Case] => [`GET /v1/organization/${path}`, {
    kind: 'administered', attempts: () => [{ path: `/v1/organization/${path}?start_time=${Math.floor(Date.now() / 1000) - 3600}&project_ids=${api.caller.projectId}` }]
  }])),
  'GET /v1/models': { kind: 'own', attempts: () => [{ path: '/v1/models' }] },
  'GET /v1/models/{model}': { kind: 'own', attempts: () => [{ path: '/v1/models/sim-fast' }] },
  'POST /v1/files': { kind: 'own', attempts: () => [{ path: '/v1/files', form: 'name="file"; filename="a.jsonl"' }] },
  'GET /v1/files': { kind: 'own', attempts: () => [{ path: '/v1/files' }, { path: `/v1/files?after=${owned.file}` }, { path: `/v1/files?purpose=batch&after=${owned.output}` }] },
  'GET /v1/files/{id}': hidden(() => `/v1/files/${owned.file}`, () => `/v1/files/${owned.output}`),
  'GET /v1/files/{id}/content': hidden(() => `/v1/files/${owned.file}/content`, () => `/v1/files/${owned.output}/content`),
  'DELETE /v1/files/{id}': hidden(() => `/v1/files/${owned.file}`, () => `/v1/files/${owned.output}`),
  'POST /v1/uploads': { kind: 'own', attempts: () => [{ path: '/v1/uploads', body: { filename: 'a', purpose: 'batch', bytes: 1, mime_type: 'text/plain' } }] },
  'POST /v1/uploads/{id}/parts': { kind: 'hidden', attempts: () => [{ path: `/v1/uploads/${owned.upload}/parts`, form: 'name="data"; filename="a"' }] },
  'POST /v1/uploads/{id}/complete': { kind: 'hidden', attempts: () => [{ path: `/v1/uploads/${owned.upload}/complete`, body: { part_ids: [owned.part] } }] },
  'POST /v1/uploads/{id}/cancel': hidden(() => `/v1/uploads/${owned.upload}/cancel`),
  'POST /v1/batches': { kind: 'own', attempts: () => [{ path: '/v1/batches', body: { input_file_id: owned.file, endpoint: '/v1/chat/completions', completion_window: '24h' } }] },
  'GET /v1/batches': { kind: 'own', attempts: () => [{ path: '/v1/batches' }, { path: `/v1/batches?after=${owned.running}` }] },
  'GET /v1/batches/{id}': batch(id => `/v1/batches/${id}`),
  'POST /v1/batches/{id}/cancel': batch(id => `/v1/batches/${id}/cancel`),
  'POST /api/v1/batch': { kind: 'own', attempts: () => [{ path: '/api/v1/batch', body: { input_file_id: owned.output, endpoint: '/v1/chat/completions' } }] },
  'GET /api/v1/batch': { kind: 'own', attempts: () => [{ path: '/api/v1/batch' }, { path: `/api/v1/batch?after=${owned.running}` }] },
  'GET /api/v1/batch/{id}/status': batch(id => `/api/v1/batch/${id}/status`),
  'GET /api/v1/batch/{id}/results': batch(id => `/api/v1/batch/${id}/results`),
  'POST /api/v1/batch/cancel/{id}': batch(id => `/api/v1/batch/cancel/${id}`),
  'POST /api/v1/batch/{id}/pause': batch(id => `/api/v1/batch/${id}/pause`),
  'POST /api/v1/batch/{id}/resume': batch(id => `/api/v1/batch/${id}/resume`),
  'POST /api/v1/batch/{id}/retry-failed': batch(id => `/api/v1/batch/${id}/retry-failed`),
  'DELETE /api/v1/batch/{id}': batch(id => `/api/v1/batch/${id}`),
  'GET /api/v1/jobs': { kind: 'own', attempts: () => [{ path: '/api/v1/jobs' }, { path: `/api/v1/jobs?after=${owned.running}` }] },
  'GET /api/v1/jobs/{id}': batch(id => `/api/v1/jobs/${id}`),
  'GET /api/v1/jobs/{id}/events': batch(id => `/api/v1/jobs/${id}/events`),
  'POST /api/v1/jobs/{id}/cancel': batch(id => `/api/v1/jobs/${id}/cancel`),
  'GET /api/v1/me': { kind: 'own', attempts: () => [{ path: '/api/v1/me' }] },
  'POST /api/v1/presets': { kind: 'own', attempts: () => [{ path: '/api/v1/presets', body: { name: 'mine', parameters: {} } }] },
  'GET /api/v1/presets': { kind: 'own', attempts: () => [{ path: '/api/v1/presets' }, { path: `/api/v1/presets?after=${owned.preset}` }] },
  'GET /api/v1/presets/{id}': hidden(() => `/api/v1/presets/${owned.preset}`),
  'PATCH /api/v1/presets/{id}': { kind: 'hidden', attempts: () => [{ path: `/api/v1/presets/${owned.preset}`, body: { parameters: {} } }] },
  'DELETE /api/v1/presets/{id}': hidden(() => `/api/v1/presets/${owned.preset}`),
  'GET /.well-known/webhook-keys/{endpoint}': open,
  'POST /api/v1/webhooks': { kind: 'own', attempts: () => [{ path: '/api/v1/webhooks', body: { url: 'http://127.0.0.1:9/', event_types: ['*'] } }] },
  'GET /api/v1/webhooks': { kind: 'own', attempts: () => ['', `?after=${owned.endpoint}`, `?resource_id=${owned.running}`].map(query => ({ path: `/api/v1/webhooks${query}` })) },
  'GET /api/v1/webhooks/{id}': hidden(() => `/api/v1/webhooks/${owned.endpoint}`),
  'PUT /api/v1/webhooks/{id}': { kind: 'hidden', attempts: () => [{ path: `/api/v1/webhooks/${owned.endpoint}`, body: { url: 'http://127.0.0.1:9/', event_types: ['*'] } }] },
  'PATCH /api/v1/webhooks/{id}': { kind: 'hidden', attempts: () => [{ path: `/api/v1/webhooks/${owned.endpoint}`, body: { enabled: false, url: 'http://127.0.0.1:9/' } }] },
  'DELETE /api/v1/webhooks/{id}': hidden(() => `/api/v1/webhooks/${owned.endpoint}`),
  'POST /api/v1/webhooks/{id}/rotate-secret': { kind: 'hidden', attempts: () => [{ path: `/api/v1/webhooks/${owned.endpoint}/rotate-secret`, body: { overlap_seconds: 0 } }] },
  'POST /api/v1/webhooks/{id}/replay': { kind: 'hidden', attempts: () => [{ path: `/api/v1/webhooks/${owned.endpoint}/replay`, body: { since: '2020-01-01T00:00:00Z' } }] },
  'POST /api/v1/webhooks/{id}/enable': { kind: 'hidden', attempts: () => [{ path: `/api/v1/webhooks/${owned.endpoint}/enable`, body: { replay_missed: true } }] },
  'GET /api/v1/webhooks/{id}/deliveries': hidden(() => `/api/v1/webhooks/${owned.endpoint}/deliveries`, () => `/api/v1/webhooks/${owned.endpoint}/deliveries?after=${owned.delivery}`),
  'GET /api/v1/webhooks/{id}/deliveries/{delivery}': hidden(() => `/api/v1/webhooks/${owned.endpoint}/deliveries/${owned.delivery}`),
  'GET /api/v1/webhooks/{id}/deliveries/{delivery}/attempts': hidden(() => `/api/v1/webhooks/${owned.endpoint}/deliveries/${owned.delivery}/attempts`),
  'POST /api/v1/webhooks/{id}/deliveries/{delivery}/retry': hidden(() => `/api/v1/webhooks/${owned.endpoint}/deliveries/${owned.delivery}/retry`),
  'POST /api/v1/webhooks/test': { kind: 'hidden', attempts: () => [{ path: '/api/v1/webhooks/test', body: { endpoint: owned.endpoint } }] },
  'GET /api/v1/events': { kind: 'own', attempts: () => ['', `?after=${owned.event}`, `?resource_id=${owned.running}`, '?type=batch.*'].map(query => ({ path: `/api/v1/events${query}` })) },
  'GET /api/v1/events/{id}': hidden(() => `/api/v1/events/${owned.event}`),
  'GET /api/v1/events/stream': { kind: 'own', attempts: () => [{ path: '/api/v1/events/stream?after=0' }] },
  'GET /api/v1/event-types': { kind: 'own', attempts: () => [{ path: '/api/v1/event-types' }] },
  'POST /api/v1/projects': administer(() => 'projects', () => ({ name: 'x', organization_id: api.caller.organizationId })),
  'GET /api/v1/projects': administer(() => `projects?organization_id=${api.caller.organizationId}`),
  'GET /api/v1/projects/{id}': administer(() => `projects/${administered.project}`),
  'PATCH /api/v1/projects/{id}': administer(() => `projects/${administered.project}`, () => ({ name: 'x' })),
  'DELETE /api/v1/projects/{id}': administer(() => `projects/${administered.project}`),
  'POST /api/v1/keys': administer(() => 'keys', () => ({ name: 'x', project_id: administered.project })),
  'GET /api/v1/keys': { kind: 'administered', attempts: () => [{ path: `/api/v1/keys?project_id=${api.caller.projectId}` }] },
  'GET /api/v1/keys/{id}': administer(() => `keys/${administered.key}`),
  'PATCH /api/v1/keys/{id}': administer(() => `keys/${administered.key}`, () => ({ name: 'x' })),
  'DELETE /api/v1/keys/{id}': administer(() => `keys/${administered.key}`),
  'POST /api/v1/keys/{id}/rotate': administer(() => `keys/${administered.key}/rotate`),
  'POST /api/v1/keys/{id}/claim': administer(() => `keys/${administered.key}/claim`),
  'POST /api/v1/limits': administer(() => 'limits', () => ({ kind: 'project', subject_id: administered.project, concurrency: 1 })),
  'GET /api/v1/limits': administer(() => 'limits'),
  'GET /api/v1/limits/{id}': administer(() => `limits/${administered.limit}`),
  'PATCH /api/v1/limits/{id}': administer(() => `limits/${administered.limit}`, () => ({ concurrency: 1 })),
  'DELETE /api/v1/limits/{id}': administer(() => `limits/${administered.limit}`),
  'POST /api/v1/budgets': administer(() => 'budgets', () => ({ kind: 'key', subject_id: administered.key, period: 'day', amount: '0' })),
  'GET /api/v1/budgets': administer(() => 'budgets'),
  'GET /api/v1/budgets/{id}': administer(() => `budgets/${administered.budget}`),
  'PATCH /api/v1/budgets/{id}': administer(() => `budgets/${administered.budget}`, () => ({ amount: '0' })),
  'DELETE /api/v1/budgets/{id}': administer(() => `budgets/${administered.budget}`),
  'POST /api/v1/organizations': installation('organizations', { name: 'x' }),
  'GET /api/v1/organizations': installation('organizations'),
  'GET /api/v1/organizations/{id}': installation('organizations/org_default'),
  'PATCH /api/v1/organizations/{id}': installation('organizations/org_default', { name: 'x' }),
  'DELETE /api/v1/organizations/{id}': installation('organizations/org_default'),
  'POST /api/v1/providers': installation('providers', { name: 'x', kind: 'openai', base_url: 'https://x.example' }),
  'GET /api/v1/providers': installation('providers'),
  'GET /api/v1/providers/{name}': installation('providers/simulator'),
  'PATCH /api/v1/providers/{name}': installation('providers/simulator', { max_concurrency: 1 }),
  'DELETE /api/v1/providers/{name}': installation('providers/simulator'),
  'POST /api/v1/providers/{name}/credentials': installation('providers/simulator/credentials', { name: 'x', secret: 'x' }),
  'GET /api/v1/providers/{name}/credentials': installation('providers/simulator/credentials'),
  'DELETE /api/v1/providers/{name}/credentials/{id}': installation('providers/simulator/credentials/cred_x'),
  'POST /api/v1/models': installation('models', { id: 'x' }),
  'GET /api/v1/models': installation('models'),
  'GET /api/v1/models/{id}': installation('models/sim-fast'),
  'PATCH /api/v1/models/{id}': installation('models/sim-fast', { max_attempts: 1 }),
  'DELETE /api/v1/models/{id}': installation('models/sim-fast'),
  'POST /api/v1/deployments': installation('deployments', { model_id: 'x', provider: 'x' }),
  'GET /api/v1/deployments': installation('deployments'),
  'GET /api/v1/deployments/{id}': installation('deployments/dep_x'),
  'PATCH /api/v1/deployments/{id}': installation('deployments/dep_x', { weight: 1 }),
  'DELETE /api/v1/deployments/{id}': installation('deployments/dep_x')
}

async function attempt (method: string, { path, body, form }: Attempt, key: string | null): ReturnType<typeof call> {
  if (path.startsWith('/api/v1/events/stream')) return await readBeginning(path, key)
  if (form === undefined) return await call(api, method, path, { body, key })
  const content = `--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--b\r\nContent-Disposition: form-data; ${form}\r\n\r\nx\r\n--b--\r\n`
  return await call(api, method, path, { body: content, key, headers: { 'content-type': 'multipart/form-data; boundary=b' } })
}

/** Of a stream without an end: what comes within 500 ms, in which the feed is looked at three times. */
async function readBeginning (path: string, key: string | null): ReturnType<typeof call> {
  const response = await fetch(api.url + path, { headers: key === null ? {} : { authorization: `Bearer ${key}` } })
  let text = ''
  if (response.status === 200) {
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    const end = setTimeout(() => { void reader.cancel() }, 500)
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value
    clearTimeout(end)
    return { status: 200, headers: response.headers, text, body: {} }
  }
  text = await response.text()
  return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
}

const closed = (): Array<readonly [method: string, kind: Case['kind'], attempts: Attempt[]]> => Object.entries(cases).flatMap(([route, entry]) =>
  entry.kind === 'open' ? [] : [[route.split(' ')[0]!, entry.kind, entry.attempts()] as const])

/** Every route that the router knows, without HEAD twins and the pages of /docs. The router prints a tree, four columns a level. */
function routesOf (printed: string): string[] {
  const parents: string[] = []
  return printed.split('\n').flatMap(line => {
    const [, indent = '', segment = '', methods = ''] = /^([\s│├└─]*)(\S+) \(([A-Z, ]+)\)$/.exec(line) ?? []
    const level = indent.length / 4
    parents[level] = (parents[level - 1] ?? '') + segment
    const path = parents[level]!.replace(/:(\w+)/g, '{$1}').replace('/*', '/{model}').replace('*', '/{model}')
    return path.startsWith('/docs') ? [] : methods.split(', ').filter(method => method !== 'HEAD' && method !== '').map(method => `${method} ${path}`)
  })
}

test('every route of the router, and of the OpenAPI document, has a case here', t => {
  const { paths } = api.app.swagger() as { paths: Record<string, object> }
  const documented = Object.entries(paths).flatMap(([path, methods]) => Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`))
  const known = Object.keys(cases).sort()
  t.deepEqual(routesOf(api.app.printRoutes({ commonPrefix: false })).sort(), known)
  t.deepEqual([...documented, 'GET /openapi.json'].sort(), known)
})

test('no byte of a tenant reaches another organization or project, whatever the route, and nothing of it changes', async t => {
  for (const { title, key } of strangers) {
    for (const [method, kind, attempts] of closed()) {
      if (kind === 'administered' || kind === 'installation') continue // below
      for (const entry of attempts) {
        const what = `${method} ${entry.path} with a key ${title}`
        const answer = await attempt(method, entry, key)
        if (kind === 'hidden') t.is(answer.status, 404, what)
        else t.true(answer.status < 500, `${what}: ${answer.status}`)
        t.false(answer.text.includes(mark) || [...answer.headers.values()].some(value => value.includes(mark)), what)
        const others = (answer.body.data ?? []).map((item: { id: string }) => item.id)
        t.deepEqual(others.filter((id: string) => Object.values(owned).includes(id)), [], what)
      }
    }
  }
  t.is(await snapshot(), before)
})

test('what is administered in an organization is hidden from who administers another, and refused to all without the scope', async t => {
  const { key: ordinary } = strangers[0]!
  for (const [method, kind, attempts] of closed()) {
    if (kind !== 'administered' && kind !== 'installation') continue
    for (const entry of attempts) {
      const what = `${method} ${entry.path}`
      for (const key of [ordinary, api.key]) {
        const refused = await attempt(method, entry, key)
        t.deepEqual([refused.status, refused.body.code ?? refused.body.error.code], [403, 'insufficient_scope'], what)
      }
      const answer = await attempt(method, entry, administrator)
      if (kind === 'installation') t.is(answer.status, 403, what)
      else if (/^GET (.*\/(keys|limits|budgets)(\?.*)?$|\/v1\/organization\/)/.test(what)) t.is(answer.status, 200, what)
      else t.is(answer.status, 404, what)
      const others = (answer.body.data ?? []).map((item: { id: string }) => item.id)
      t.deepEqual(others.filter((id: string) => [...Object.values(administered), api.caller.keyId].includes(id)), [], what)
      t.false(answer.text.includes(mark), what)
    }
  }
  t.is(await snapshot(), before)
})

test('an id of somebody else is answered as one that never was', async t => {
  const [{ key } = { key: '' }] = strangers
  for (const [method, kind, attempts] of closed()) {
    if (kind !== 'hidden') continue
    for (const entry of attempts) {
      const absent = (text: string): string => text.replace(/(batch_|file-|upload_|preset_|we_|whd_|evt_)[0-9a-f]{32}/g, '$100000000000070008000000000000000')
      const foreign = await attempt(method, entry, key)
      const never = await attempt(method, { ...entry, path: absent(entry.path) }, key)
      t.is(foreign.status, never.status, entry.path)
      t.is(withoutIds(foreign.text), withoutIds(never.text), entry.path)
    }
  }
})

function withoutIds (text: string): string {
  return text.replace(/(batch_|file-|upload_|preset_|req_|we_|whd_|evt_)[0-9a-f]{32}/g, '$1…')
}

test('a batch of a stranger over the owner\'s file ends failed and learns nothing of it', async t => {
  for (const { title, key } of strangers) {
    const { body: { id } } = await call(api, 'POST', '/api/v1/batch', { body: { input_file_id: owned.file, endpoint: '/v1/chat/completions' }, key })
    const told = JSON.stringify(await followJob(api, id, { key }))
    const status = await call(api, 'GET', `/api/v1/batch/${String(id)}/status`, { key })
    t.is(status.body.errors[0].code, 'file_not_found', title)
    t.false((told + status.text).includes(mark), title)
    t.deepEqual(parseLines((await call(api, 'GET', `/api/v1/batch/${String(id)}/results`, { key })).text), [])
  }
})

test('without a usable key nothing is answered but 401, and the open routes', async t => {
  const { caller } = await createTestTenant(api.pool)
  const tenant = { organizationId: caller.organizationId, projectId: caller.projectId }
  const makeKey = async (column: string): Promise<string> => {
    const text = createKeyText()
    const id = await insertKey(api.pool, { ...tenant, name: column, scopes: ['admin'], text })
    await api.pool.query(`UPDATE api_key SET ${column} = now() - interval '1 second' WHERE id = $1`, [id])
    return text
  }
  const valid = api.key
  const keys: Array<string | null> = [
    null, 'sira_', 'sk-proj-abc', `${valid}x`, valid.slice(0, -1), valid.toLowerCase(), `sira_${valid}`, createKeyText(), await makeKey('revoked_at'), await makeKey('expires_at')
  ]
  for (const [method, , attempts] of closed()) {
    for (const key of keys) {
      const answer = await attempt(method, attempts[0]!, key)
      const what = `${method} ${attempts[0]!.path} with ${String(key)}`
      t.is(answer.status, 401, what)
      t.is(answer.body.code ?? answer.body.error.code, 'invalid_api_key', what)
      t.is(answer.headers.get('x-should-retry'), 'false', what)
      t.false(key !== null && key.length > 10 && answer.text.includes(key), what)
    }
  }
  for (const headers of [{ authorization: `Basic ${valid}` }, { authorization: valid }, { authorization: `Bearer ${valid} ${valid}` }]) {
    t.is((await call(api, 'GET', '/v1/batches', { key: null, headers })).status, 401, JSON.stringify(headers))
  }
  t.is((await call(api, 'GET', '/v1/batches', { key: null, headers: { authorization: `bearer  ${valid}` } })).status, 200)
})

test('a key that is revoked stops working within a second', async t => {
  const took = await quickestOf(3, async () => {
    const { key, caller } = await createTestTenant(api.pool)
    t.is((await call(api, 'GET', '/v1/files', { key })).status, 200)
    await api.pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [caller.keyId])
    const revoked = performance.now()
    while ((await call(api, 'GET', '/v1/files', { key })).status !== 401) await sleep(20)
    return performance.now() - revoked
  })
  t.true(took < 1_000, `${took} ms`)
})
