import test, { type ExecutionContext } from 'ava'
import { newId } from '../../lib/ids.ts'
import { createKeyText, createTenant, insertKey } from '../../lib/store/keys.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { waitFor } from '../support/api-batch.ts'
import { createTestTenant } from '../support/tenant.ts'

let api: TestApi
test.before(async () => { api = await startTestApi() })
test.after.always(async () => { await api.close() })

interface Options { cache?: string, key?: string, stream?: boolean, path?: string, model?: string }

/** The texts of the tests differ by their titles, so that none finds what another has kept. */
async function ask (t: ExecutionContext, { cache, key = api.key, stream, model = 'sim-instant' }: Options = {}, text = t.title): Promise<Answer> {
  const answer = await call(api, 'POST', '/v1/chat/completions', {
    key, headers: cache === undefined ? {} : { 'x-sira-cache': cache }, body: { model, messages: [{ role: 'user', content: text }], ...(stream === undefined ? {} : { stream }) }
  })
  await api.gateway.cache.close() // what is kept is written after the answer
  return answer
}

const verdictOf = ({ headers }: Answer): string | null => headers.get('x-sira-cache')

/** Calls that the provider got for one request. */
function callsFor ({ headers }: Answer): number {
  return api.simulator.calls({ prefix: headers.get('x-request-id')! }).length
}

async function usageOf ({ headers }: Answer): Promise<Record<string, unknown>> {
  await api.gateway.journal.flush()
  const { rows } = await api.pool.query<Record<string, unknown>>('SELECT * FROM usage WHERE id = $1', [headers.get('x-request-id')])
  return rows[0]!
}

test('without a wish no answer is kept or found', async t => {
  const first = await ask(t)
  const second = await ask(t)
  t.is(verdictOf(first), null)
  t.is(verdictOf(second), null)
  t.is(callsFor(second), 1)
})

test('the same request is answered from the cache, with its age, at no cost, without the provider', async t => {
  const first = await ask(t, { cache: 'ttl=60' })
  t.is(verdictOf(first), 'miss')
  t.is(callsFor(first), 1)
  const hit = await ask(t, { cache: 'ttl=60' })
  t.is(verdictOf(hit), 'hit')
  t.is(callsFor(hit), 0)
  t.deepEqual(hit.body, first.body)
  t.is(hit.headers.get('x-sira-cost'), '0')
  t.is(hit.headers.get('x-sira-attempts'), '0')
  t.regex(hit.headers.get('age')!, /^\d$/)
  t.like(await usageOf(first), { flags: 0, attempts: 1 })
  t.like(await usageOf(hit), { flags: 2, attempts: 0, cost: 0, status: 200, provider: null, input_tokens: 0, output_tokens: 0 })
  t.is(verdictOf(await ask(t, { cache: 'ttl=60' }, `${t.title}, else`)), 'miss')
})

test('age tells the seconds since the answer was made', async t => {
  const first = await ask(t, { cache: 'ttl=600' })
  const text = JSON.stringify((first.body as { choices: unknown }).choices)
  const { rowCount } = await api.pool.query(
    "UPDATE response_cache SET created_at = created_at - interval '42 seconds' WHERE position($1 IN convert_from(body, 'UTF8')) > 0", [JSON.stringify(text).slice(1, -1)])
  t.is(rowCount, 1)
  const age = Number((await ask(t, { cache: 'ttl=600' })).headers.get('age'))
  t.true(age >= 42 && age < 50, String(age))
})

test('refresh asks the provider again and keeps the new answer', async t => {
  const first = await ask(t, { cache: 'ttl=60' })
  const refreshed = await ask(t, { cache: 'refresh, ttl=60' })
  t.is(verdictOf(refreshed), 'refresh')
  t.is(callsFor(refreshed), 1)
  const hit = await ask(t, { cache: 'ttl=60' })
  t.is(verdictOf(hit), 'hit')
  t.is(hit.body.id, refreshed.body.id)
  t.not(hit.body.id, first.body.id)
})

test('off neither finds nor keeps an answer', async t => {
  await ask(t, { cache: 'ttl=60' })
  const off = await ask(t, { cache: 'off' })
  t.is(verdictOf(off), null)
  t.is(callsFor(off), 1)
})

test('an answer that has expired is not found', async t => {
  const first = await ask(t, { cache: 'ttl=1' })
  let later = first
  await waitFor(async () => {
    later = await ask(t, { cache: 'ttl=1' })
    return verdictOf(later) === 'miss'
  })
  t.is(callsFor(later), 1)
  t.not(later.body.id, first.body.id)
})

test('a key of its own ttl caches without a header, until a request says off', async t => {
  const { key, caller } = await createTestTenant(api.pool)
  await api.pool.query('UPDATE api_key SET cache_ttl_seconds = 60 WHERE id = $1', [caller.keyId])
  await api.control.refresh()
  t.is(verdictOf(await ask(t, { key })), 'miss')
  const hit = await ask(t, { key })
  t.is(verdictOf(hit), 'hit')
  t.is(callsFor(hit), 0)
  t.is(verdictOf(await ask(t, { key, cache: 'off' })), null)
})

test('neither another organization nor another project finds what is kept; another key of the project does', async t => {
  const text = t.title
  const { organizationId, projectId } = api.caller
  const sibling = { organizationId, projectId: newId('project') }
  await createTenant(api.pool, { ...sibling, name: 'sibling' })
  const [siblingKey, colleagueKey] = [createKeyText(), createKeyText()]
  await insertKey(api.pool, { ...sibling, name: 'sibling', scopes: [], text: siblingKey })
  await insertKey(api.pool, { organizationId, projectId, name: 'colleague', scopes: [], text: colleagueKey })
  const stranger = await createTestTenant(api.pool)
  t.is(verdictOf(await ask(t, { cache: 'ttl=60' }, text)), 'miss')
  t.is(verdictOf(await ask(t, { cache: 'ttl=60', key: siblingKey }, text)), 'miss')
  t.is(verdictOf(await ask(t, { cache: 'ttl=60', key: stranger.key }, text)), 'miss')
  t.is(verdictOf(await ask(t, { cache: 'ttl=60', key: colleagueKey }, text)), 'hit')
})

test('a key does not get from the cache what its model list does not allow', async t => {
  const text = createKeyText()
  const { organizationId, projectId } = api.caller
  const id = await insertKey(api.pool, { organizationId, projectId, name: 'narrow', scopes: [], text })
  await api.pool.query("UPDATE api_key SET models = '{sim-claude}' WHERE id = $1", [id])
  await api.control.refresh()
  await ask(t, { cache: 'ttl=60' })
  t.is((await ask(t, { cache: 'ttl=60', key: text })).status, 403)
})

for (const model of ['sim-instant', 'sim-claude']) {
  test(`a stream of ${model} is kept apart from whole answers and comes again as it was, to its end`, async t => {
    const whole = await ask(t, { cache: 'ttl=60', model })
    const first = await ask(t, { cache: 'ttl=60', stream: true, model })
    t.is(verdictOf(whole), 'miss')
    t.is(verdictOf(first), 'miss')
    const hit = await ask(t, { cache: 'ttl=60', stream: true, model })
    t.is(verdictOf(hit), 'hit')
    t.is(callsFor(hit), 0)
    const events = ({ text }: Answer): string[] => text.split('\n\n').filter(event => event.startsWith('data:'))
    t.deepEqual(events(hit), events(first))
    t.is(events(hit).at(-1), 'data: [DONE]')
    t.like(await usageOf(hit), { flags: 3, cost: 0 })
  })
}

test('neither an error nor a stream that failed is kept', async t => {
  const failing = `[[sim:400 times=1]] ${t.title}`
  t.is((await ask(t, { cache: 'ttl=60' }, failing)).status, 400)
  const after = await ask(t, { cache: 'ttl=60' }, failing)
  t.is(after.status, 200)
  t.is(verdictOf(after), 'miss')

  api.simulator.setOptions({ streamInterval: 1 })
  const broken = `[[sim:stream-error times=1]] ${t.title}`
  const stream = await ask(t, { cache: 'ttl=60', stream: true, model: 'sim-fast' }, broken)
  t.true(stream.text.includes('"error"') && !stream.text.includes('[DONE]'))
  const again = await ask(t, { cache: 'ttl=60', stream: true, model: 'sim-fast' }, broken)
  t.is(verdictOf(again), 'miss')
  t.true(again.text.includes('[DONE]'))
})

test('a wish for the cache that makes no sense is refused', async t => {
  for (const cache of ['ttl=0', 'ttl=99999999', 'on', 'ttl=1.5']) {
    const { status, body } = await ask(t, { cache })
    t.is(status, 400, cache)
    t.is(body.error.param, 'x-sira-cache', cache)
  }
})
