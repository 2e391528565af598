import test from 'ava'
import { toFile } from 'openai'
import { createKeyText, createTenant, insertKey } from '../../lib/store/keys.ts'
import { newId } from '../../lib/ids.ts'
import { call, startTestApi, type TestApi } from '../support/api.ts'
import { chatRow, followJob, jsonLines, parseLines } from '../support/api-batch.ts'
import { createTestTenant } from '../support/tenant.ts'

const mark = 'MARKOFTHEOWNER' // in everything that the owner sends, so that it would be seen in an answer to somebody else
let api: TestApi
/** What the owner has; the matrix below asks for it with other keys. */
let owned: { finished: string, running: string, file: string, output: string, upload: string, part: string }
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
  owned = { finished, running: running.body.id, file, output: output!, upload: upload.id, part: part.id }

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
  before = await snapshot()
})
test.after.always(async () => {
  await call(api, 'POST', `/api/v1/batch/cancel/${owned.running}`)
  await api.close()
})

async function snapshot (): Promise<string> {
  const paths = [`/v1/batches/${owned.finished}`, `/api/v1/batch/${owned.running}/status`, `/v1/files/${owned.file}`, `/v1/files/${owned.file}/content`, `/v1/files/${owned.output}/content`]
  const { rows } = await api.pool.query('SELECT id, status, (SELECT count(*) FROM upload_part WHERE upload_id = upload.id) AS parts FROM upload WHERE project_id = $1', [api.caller.projectId])
  return (await Promise.all(paths.map(async path => (await call(api, 'GET', path)).text))).join('\n') + JSON.stringify(rows)
}

interface Attempt { path: string, body?: unknown, form?: string }
/**
 * How a stranger tries each route with the owner's ids: `hidden` routes must answer as if nothing were there; `own` ones
 * answer with what is the stranger's own; `open` ones know no tenant. A route without a case fails the first test.
 */
type Case = { kind: 'hidden', attempts: () => Attempt[] } | { kind: 'own', attempts: () => Attempt[] } | { kind: 'open' }

const hidden = (...paths: Array<() => string>): Case => ({ kind: 'hidden', attempts: () => paths.map(path => ({ path: path() })) })
const batch = (path: (id: string) => string): Case => hidden(() => path(owned.finished), () => path(owned.running))
const open: Case = { kind: 'open' }

const cases: Readonly<Record<string, Case>> = {
  'GET /livez': open,
  'GET /readyz': open,
  'GET /openapi.json': open,
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
  'GET /api/v1/jobs/{id}/events': batch(id => `/api/v1/jobs/${id}/events`)
}

async function attempt (method: string, { path, body, form }: Attempt, key: string | null): ReturnType<typeof call> {
  if (form === undefined) return await call(api, method, path, { body, key })
  const content = `--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nassistants\r\n--b\r\nContent-Disposition: form-data; ${form}\r\n\r\nx\r\n--b--\r\n`
  return await call(api, method, path, { body: content, key, headers: { 'content-type': 'multipart/form-data; boundary=b' } })
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

test('an id of somebody else is answered as one that never was', async t => {
  const [{ key } = { key: '' }] = strangers
  for (const [method, kind, attempts] of closed()) {
    if (kind !== 'hidden') continue
    for (const entry of attempts) {
      const absent = (text: string): string => text.replace(/(batch_|file-|upload_)[0-9a-f]{32}/g, '$100000000000070008000000000000000')
      const foreign = await attempt(method, entry, key)
      const never = await attempt(method, { ...entry, path: absent(entry.path) }, key)
      t.is(foreign.status, never.status, entry.path)
      t.is(withoutIds(foreign.text), withoutIds(never.text), entry.path)
    }
  }
})

function withoutIds (text: string): string {
  return text.replace(/(batch_|file-|upload_|req_)[0-9a-f]{32}/g, '$1…')
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
  for (const headers of [{ authorization: `Basic ${valid}` }, { authorization: valid }, { authorization: `Bearer ${valid} ${valid}` }, { 'x-api-key': valid }]) {
    t.is((await call(api, 'GET', '/v1/batches', { key: null, headers })).status, 401, JSON.stringify(headers))
  }
  t.is((await call(api, 'GET', '/v1/batches', { key: null, headers: { authorization: `bearer  ${valid}` } })).status, 200)
})

test('a key that is revoked stops working within two seconds', async t => {
  const { key, caller } = await createTestTenant(api.pool)
  t.is((await call(api, 'GET', '/v1/files', { key })).status, 200)
  await api.pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [caller.keyId])
  const revoked = performance.now()
  while ((await call(api, 'GET', '/v1/files', { key })).status !== 401) {
    if (performance.now() - revoked > 2_000) return t.fail('still working')
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  t.pass()
})
