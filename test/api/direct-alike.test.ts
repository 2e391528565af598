import test from 'ava'
import { call } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'
import { startSdkApi } from './_gateway-api.ts'

let started: Awaited<ReturnType<typeof startSdkApi>>
test.before(async () => { started = await startSdkApi() })
test.after.always(async () => { await started.close() })

const chat = (content: string, more = {}): object => ({ model: 'sim-instant', messages: [{ role: 'user', content }], ...more })
const messages = (content: string, more = {}): object => ({ model: 'sim-claude', max_tokens: 20, messages: [{ role: 'user', content }], ...more })

/** What is asked, and the status that is expected; some of it is answered by Fastify in the end. */
const asked: ReadonlyArray<readonly [what: string, status: number, path: string, body: object | string]> = [
  ['a chat', 200, '/v1/chat/completions', chat('hello')],
  ['a streamed chat', 200, '/v1/chat/completions', chat('hello', { stream: true })],
  ['a completion', 200, '/v1/completions', { model: 'sim-instant', prompt: 'once' }],
  ['embeddings', 200, '/v1/embeddings', { model: 'sim-embed', input: 'a text' }],
  ['a moderation', 200, '/v1/moderations', { model: 'sim-moderation', input: 'a text' }],
  ['a message', 200, '/v1/messages', messages('hello')],
  ['a streamed message', 200, '/v1/messages', messages('hello', { stream: true })],
  ['a chat that the provider refuses', 400, '/v1/chat/completions', { ...chat('[[sim:400]]'), model: 'openai-failing' }],
  ['a streamed chat that the provider limits', 429, '/v1/chat/completions', { ...chat('[[sim:429]]', { stream: true }), model: 'openai-limited' }],
  ['a message that the provider fails', 502, '/v1/messages', { ...messages('[[sim:500]]'), model: 'anthropic-failing' }],
  ['a chat that breaks off', 200, '/v1/chat/completions', { ...chat('[[sim:unfinished]]', { stream: true }), model: 'openai-broken' }],
  ['a model that is not there', 404, '/v1/chat/completions', { ...chat('hello'), model: 'none' }],
  ['a message without a field', 400, '/v1/messages', { model: 'sim-claude', messages: [] }],
  ['a field of a wrong type', 400, '/v1/embeddings', { model: 'sim-embed', input: 7 }],
  ['a part that is not known', 400, '/v1/chat/completions', { ...chat(''), messages: [{ role: 'user', content: [{ type: 'smell' }] }] }],
  ['no JSON', 400, '/v1/messages', '{'],
  ['deep JSON', 400, '/v1/chat/completions', `{"model":"sim-instant","messages":[],"x":${'['.repeat(2_000)}${']'.repeat(2_000)}}`]
]

/** Ids, their lengths and times differ from one request to the next. Fastify closes the connection where its parser of bodies fails; here the body has been read. */
function stable (answer: Awaited<ReturnType<typeof call>>): object {
  const headers = [...answer.headers].filter(([name]) => !['date', 'content-length', 'connection', 'keep-alive'].includes(name)).map(([name, value]) => [name, /request-id/.test(name) ? value.replace(/[0-9a-f]{32}/, '#') : value])
  const text = answer.text.replace(/((?:req|chatcmpl|cmpl|msg|modr)[_-])[^"]+/g, '$1#').replace(/"created":\d+/g, '"created":0')
  return { status: answer.status, headers, text }
}

for (const [what, status, path, body] of asked) {
  test.serial(`${what} is answered alike on the direct way and by Fastify`, async t => {
    const { api } = started
    const direct = await call(api, 'POST', path, { body })
    const other = await call(api, 'POST', `${path}?way=other`, { body })
    t.is(direct.status, status, direct.text)
    t.deepEqual(stable(direct), stable(other))
  })
}

test.serial('a body with a content encoding is refused alike on the direct way and by Fastify, and one with none by name is taken', async t => {
  const { api } = started
  const [path, other] = ['/v1/chat/completions', '/v1/chat/completions?way=other']
  const headers = { 'content-encoding': 'gzip' }
  const refused = await call(api, 'POST', path, { body: chat('hello'), headers })
  t.like(refused, { status: 415, body: { error: { code: 'unsupported_media_type', message: 'Content-Encoding gzip is not supported here.' } } })
  t.deepEqual(stable(refused), stable(await call(api, 'POST', other, { body: chat('hello'), headers })))
  for (const way of [path, other]) t.is((await call(api, 'POST', way, { body: chat('hello'), headers: { 'content-encoding': 'identity' } })).status, 200)
})

test.serial('a limit is told alike on the direct way and by Fastify, with its headers', async t => {
  const { api } = started
  const answers = []
  for (const path of ['/v1/chat/completions', '/v1/chat/completions?way=other']) {
    const { key, caller } = await createTestTenant(api.pool, ['admin', 'inference'])
    t.is((await call(api, 'POST', '/api/v1/limits', { key, body: { kind: 'key', subject_id: caller.keyId, requests_per_minute: 1 } })).status, 201)
    t.is((await call(api, 'POST', path, { key, body: chat('one') })).status, 200)
    answers.push(await call(api, 'POST', path, { key, body: chat('two') }))
  }
  t.is(answers[0]!.status, 429)
  t.deepEqual(answers[0]!.body, answers[1]!.body)
  t.deepEqual([...answers[0]!.headers.keys()], [...answers[1]!.headers.keys()])
})

test.serial('a request that fails on the direct way has one id: in its answer, its header and its row of usage', async t => {
  const { api } = started
  const { status, headers, body } = await call(api, 'POST', '/v1/messages', { body: { ...messages('[[sim:400]] once'), model: 'anthropic-failing' } })
  t.is(status, 400)
  const id = headers.get('x-request-id')
  t.is(headers.get('request-id'), id)
  t.is(body.request_id, id)
  await api.gateway.journal.flush()
  const { rows } = await api.pool.query<{ status: number }>('SELECT status FROM usage WHERE id = $1', [id])
  t.deepEqual(rows, [{ status: 400 }])
})
