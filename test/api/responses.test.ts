import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type OpenAI from 'openai'
import { APIError } from 'openai'
import { buildApp } from '../../api/app.ts'
import { call, startTestApi, type Answer, type TestApi } from '../support/api.ts'
import { checkedEvents } from '../support/feed-events.ts'
import { createTestTenant } from '../support/tenant.ts'

type Response = OpenAI.Responses.Response
type Event = OpenAI.Responses.ResponseStreamEvent

let api: TestApi
test.before(async () => { api = await startTestApi({ worker: true }) })
test.after.always(async () => { await api.close() })

const path = (id: string, rest = ''): string => `/v1/responses/${id}${rest}`
const background = async (input: string, more: object = {}, headers: Record<string, string> = {}): Promise<Answer> =>
  await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input, background: true, ...more }, headers })

async function ended (id: string): Promise<Response> {
  for (;;) { // bounded by the test's own timeout
    const { body } = await call(api, 'GET', path(id))
    if (body.status !== 'queued' && body.status !== 'in_progress') return body
    await sleep(30)
  }
}

async function events (stream: AsyncIterable<Event>): Promise<Event[]> {
  const all: Event[] = []
  for await (const event of stream) all.push(event)
  return all
}

/** The calls that the simulator got with this text in their body are told apart by a latency of their own. */
async function until (t: ExecutionContext, what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const start = performance.now()
  while (!await holds()) {
    if (performance.now() - start > 8_000) return t.fail(`not within 8 s: ${what}`)
    await sleep(20)
  }
}

async function usageOf (key: { keyId: string }, count: number, t: ExecutionContext): Promise<Array<Record<string, unknown>>> {
  let rows: Array<Record<string, unknown>> = []
  await until(t, `${count} usage rows`, async () => {
    await api.gateway.journal.flush()
    rows = (await api.pool.query<Record<string, unknown>>('SELECT * FROM usage WHERE key_id = $1 ORDER BY created_at', [key.keyId])).rows
    return rows.length >= count
  })
  return rows
}

for (const model of ['sim-instant', 'sim-claude']) {
  test(`a response of ${model} is created whole, kept, listed and deleted`, async t => {
    const openai = api.openai()
    const { data: created, response: http } = await openai.responses.create({ model, input: 'Name a river', instructions: 'Be brief', metadata: { a: 'b' } }).withResponse()
    t.regex(created.id, /^resp_/)
    t.like(created, { object: 'response', status: 'completed', store: true, background: false, previous_response_id: null, metadata: { a: 'b' } })
    t.true(created.output_text.length > 5)
    t.true(created.usage!.input_tokens > 0 && created.usage!.output_tokens > 0)
    t.is(http.headers.get('x-sira-model'), model)
    t.truthy(http.headers.get('x-sira-cost'))
    t.deepEqual(await openai.responses.retrieve(created.id), created)
    const { data } = await openai.responses.inputItems.list(created.id)
    t.is(data.length, 1)
    t.like(data[0], { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Name a river' }] })
    t.deepEqual((await call(api, 'DELETE', path(created.id))).body, { id: created.id, object: 'response', deleted: true })
    for (const rest of ['', '/input_items']) t.is((await call(api, 'GET', path(created.id, rest))).status, 404)
    t.is((await call(api, 'DELETE', path(created.id))).status, 404)
  })

  test(`a response of ${model} is streamed in numbered events and is kept when its last one comes`, async t => {
    const openai = api.openai()
    const all = await events(await openai.responses.create({ model, input: 'Name a river', stream: true }))
    t.deepEqual(all.map(event => event.sequence_number), all.map((_, index) => index))
    t.deepEqual(all.slice(0, 2).map(event => event.type), ['response.created', 'response.in_progress'])
    const last = all.at(-1) as { type: string, response: Response }
    t.is(last.type, 'response.completed')
    const told = new Set(all.flatMap(event => 'response' in event ? [event.response.id] : []))
    t.deepEqual([...told], [last.response.id], 'one id, ours, in all events')
    const { output_text: text, ...kept } = await openai.responses.retrieve(last.response.id)
    t.deepEqual(kept, last.response as object as typeof kept)
    t.is(all.flatMap(event => event.type === 'response.output_text.delta' ? [event.delta] : []).join(''), text)
  })

  test(`a background response of ${model} is queued, then completed, with events that can be read again from any number`, async t => {
    const openai = api.openai()
    const created = await openai.responses.create({ model, input: 'Name a mountain', background: true })
    t.like(created, { object: 'response', status: 'queued', background: true, store: true, output: [], error: null })
    const done = await ended(created.id)
    t.is(done.status, 'completed')
    t.like(done, { id: created.id, background: true, model: done.model })
    t.true(done.usage!.output_tokens > 0)
    const read = async (after?: number): Promise<Event[]> =>
      await events(await openai.responses.retrieve(created.id, { stream: true, ...(after === undefined ? {} : { starting_after: after }) }))
    const all = await read()
    t.deepEqual(all.map(event => event.sequence_number), all.map((_, index) => index + 1))
    t.is(all[0]!.type, 'response.created')
    t.deepEqual((all.at(-1) as { response: unknown }).response, done)
    t.deepEqual(await read(3), all.slice(3))
    t.deepEqual(await read(all.length), [])
  })
}

test('what is not to be stored is not there afterwards', async t => {
  const { body } = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Forget it', store: false } })
  t.like(body, { status: 'completed', store: false })
  t.is((await call(api, 'GET', path(body.id))).status, 404)
  const refused = await background('Forget it', { store: false })
  t.is(refused.status, 400)
  t.is(refused.body.error.param, 'store')
})

test('a conversation goes on over models of different providers', async t => {
  const openai = api.openai()
  const input = async (id: string): Promise<number> => (await openai.responses.retrieve(id)).usage!.input_tokens
  const first = await openai.responses.create({ model: 'sim-claude', input: 'My name is Ann' })
  const second = await openai.responses.create({ model: 'sim-instant', input: 'What is it?', previous_response_id: first.id })
  const third = await openai.responses.create({ model: 'sim-gemini', input: 'And mine?', previous_response_id: second.id })
  const { id } = await openai.responses.create({ model: 'sim-instant', input: 'And now?', previous_response_id: third.id, background: true })
  const fourth = await ended(id)
  t.is(fourth.status, 'completed')
  t.is(fourth.previous_response_id, third.id)
  t.is(second.previous_response_id, first.id)
  t.true(await input(second.id) > await input(first.id) && await input(third.id) > await input(second.id) && fourth.usage!.input_tokens > await input(third.id), 'each is sent all that was said before')
  const own = await openai.responses.inputItems.list(third.id)
  t.is(own.data.length, 1, 'its own input only')
  await openai.responses.delete(first.id)
  const error = await t.throwsAsync(openai.responses.create({ model: 'sim-instant', input: 'Still?', previous_response_id: third.id }), { instanceOf: APIError })
  t.like(error, { status: 404, param: 'previous_response_id' })
})

test('items of stored responses can be named by their ids, in their project only', async t => {
  const first = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'One long line of text that counts' } })
  const { data } = (await call(api, 'GET', path(first.body.id, '/input_items'))).body
  const input = [{ type: 'item_reference', id: data[0].id }, { type: 'item_reference', id: first.body.output[0].id }, { role: 'user', content: 'Again' }]
  const { status, body } = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-claude', input } })
  t.is(status, 200)
  const items = (await call(api, 'GET', path(body.id, '/input_items?order=asc'))).body.data
  t.deepEqual(items.slice(0, 2), [data[0], first.body.output[0]])
  const stranger = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-claude', input }, key: (await createTestTenant(api.pool)).key })
  t.is(stranger.status, 400)
  t.is(stranger.body.error.param, 'input[0].id')
})

test('an unknown earlier response is a 404 that names the parameter, also in the background', async t => {
  for (const more of [{}, { background: true }, { stream: true }]) {
    const { status, body } = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Hi', previous_response_id: 'resp_none', ...more } })
    t.is(status, 404)
    t.is(body.error.param, 'previous_response_id')
  }
})

test('a response that has no end yet cannot be continued', async t => {
  const { body: { id } } = await background('[[sim:delay=20000]] unfinished')
  const { status, body } = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Hi', previous_response_id: id } })
  t.is(status, 409)
  t.is(body.error.param, 'previous_response_id')
  await call(api, 'POST', path(id, '/cancel'))
})

test('the events of a background response are streamed as it is created, and a reader who left goes on where it was', async t => {
  const openai = api.openai()
  const stream = await openai.responses.create({ model: 'sim-fast', input: '[[sim:delay=400]] Name a lake', background: true, stream: true })
  const first = (await stream[Symbol.asyncIterator]().next()).value as Event & { response: Response }
  t.is(first.type, 'response.created')
  stream.controller.abort()
  const { id } = first.response
  const rest = await events(await openai.responses.retrieve(id, { stream: true, starting_after: first.sequence_number }))
  t.deepEqual(rest.map(event => event.sequence_number), rest.map((_, index) => index + 2))
  t.is(rest.at(-1)!.type, 'response.completed')
  t.is((await ended(id)).status, 'completed', 'leaving cancels nothing')
})

test('who follows a background response is told and let go when the key is revoked, and the response goes on', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  const openai = api.openai(key)
  const { id } = await openai.responses.create({ model: 'sim-fast', input: '[[sim:delay=6000]] Name a sea', background: true })
  // its own come after 6 s; this one says that the stream is open
  await api.pool.query('INSERT INTO response_event (response_id, sequence_number, data) VALUES ($1, 0, $2)', [id, JSON.stringify({ type: 'response.queued', sequence_number: 0 })])
  const stream = await openai.responses.retrieve(id, { stream: true })
  await api.pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [caller.keyId])
  const error = await t.throwsAsync(events(stream), { instanceOf: APIError })
  t.like(error, { code: 'invalid_api_key', status: undefined })
  await until(t, 'its end', async () => (await api.pool.query<{ status: string }>('SELECT status FROM response WHERE id = $1', [id])).rows[0]?.status === 'completed')
})

test('who follows a background response is told when the process drains, and goes on elsewhere behind what was seen', async t => {
  const draining = await buildApp(api.app.dependencies)
  const baseURL = `${await draining.listen({ host: '127.0.0.1', port: 0 })}/v1`
  t.teardown(async () => { await draining.close() })
  const { id } = await api.openai().responses.create({ model: 'sim-fast', input: '[[sim:delay=3000]] Name an ocean', background: true })
  // its own come after 3 s; this one says that the stream is open
  await api.pool.query('INSERT INTO response_event (response_id, sequence_number, data) VALUES ($1, 0, $2)', [id, JSON.stringify({ type: 'response.queued', sequence_number: 0 })])
  const openai = api.openai(api.key, { baseURL })
  const { data: stream, response: http } = await openai.responses.retrieve(id, { stream: true }).withResponse()
  t.is(http.headers.get('connection'), 'close', 'closing waits for connections')
  const reading = stream[Symbol.asyncIterator]()
  const { value: first } = await reading.next() as { value: Event }
  t.is(first.sequence_number, 0)
  const closing = draining.close()
  t.like(await t.throwsAsync(reading.next(), { instanceOf: APIError }), { code: 'draining', status: undefined })
  await closing
  const rest = await events(await api.openai().responses.retrieve(id, { stream: true, starting_after: first.sequence_number }))
  t.is(rest.at(-1)!.type, 'response.completed')
})

test('a cancel while it runs is final, can be repeated, aborts the call and is billed', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  const other = { ...api, key }
  const input = '[[sim:delay=15000]] cancel me'
  const { body: { id } } = await call(other, 'POST', '/v1/responses', { body: { model: 'sim-reasoning', input, background: true } })
  const running = (): ReturnType<TestApi['simulator']['calls']> => api.simulator.calls().filter(({ model }) => model === 'sim-reasoning')
  await until(t, 'the call is under way', () => running().length === 1)
  const reading = (async () => await events(await api.openai(key).responses.retrieve(id, { stream: true })))()
  const cancelled = await call(other, 'POST', path(id, '/cancel'))
  t.is(cancelled.status, 200)
  t.like(cancelled.body, { id, status: 'cancelled', background: true })
  t.deepEqual((await call(other, 'POST', path(id, '/cancel'))).body, cancelled.body)
  await until(t, 'the call is aborted', () => running()[0]!.aborted)
  t.is((await reading).at(-1)!.type as string, 'response.cancelled')
  const [row] = await usageOf(caller, 1, t)
  t.like(row, { status: 499, error_code: 'client_gone', model: 'sim-reasoning' })
  t.is(running().length, 1, 'it is not called again')
  t.deepEqual((await call(other, 'GET', path(id))).body, cancelled.body)
})

test('what has ended or was answered at once cannot be cancelled', async t => {
  const { body: { id } } = await background('Short')
  await ended(id)
  const late = await call(api, 'POST', path(id, '/cancel'))
  t.is(late.status, 409)
  t.is(late.headers.get('x-should-retry'), 'false')
  const { body: direct } = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Hi' } })
  t.is((await call(api, 'POST', path(direct.id, '/cancel'))).status, 400)
  t.is((await call(api, 'GET', path(direct.id, '?stream=true'))).status, 400)
})

test('nothing of a response is there for another tenant', async t => {
  const { body: { id } } = await background('Mine [[sim:delay=20000]]')
  const { key } = await createTestTenant(api.pool)
  for (const [method, rest] of [['GET', ''], ['GET', '?stream=true'], ['GET', '/input_items'], ['POST', '/cancel'], ['DELETE', '']] as const) {
    t.is((await call(api, method, path(id, rest), { key })).status, 404, `${method} ${rest}`)
  }
  t.is((await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Hi', previous_response_id: id }, key })).status, 404)
  t.is((await call(api, 'DELETE', path(id))).status, 200, 'the owner can delete it while it runs')
  t.is((await call(api, 'GET', path(id))).status, 404)
})

test('a background response is created once per Idempotency-Key', async t => {
  const headers = { 'idempotency-key': 'once' }
  const [first, second] = [await background('Once', {}, headers), await background('Once', {}, headers)]
  t.is(first.body.id, second.body.id)
  t.is(second.headers.get('idempotent-replayed'), 'true')
  const other = await background('Twice', {}, headers)
  t.is(other.status, 409)
  t.is((await ended(first.body.id)).status, 'completed')
})

test('a provider that refuses ends a background response as failed, with what it said and the events to say so', async t => {
  const { body: { id } } = await background('[[sim:400]] refuse')
  const failed = await ended(id)
  t.is(failed.status, 'failed')
  t.truthy(failed.error!.message)
  const all = await events(await api.openai().responses.retrieve(id, { stream: true }))
  t.deepEqual(all.map(event => event.type), ['response.failed'])
  t.is(all[0]!.sequence_number, 1)
})

test('a background response waits out a limit of the provider', async t => {
  const { body: { id } } = await background('[[sim:429 times=4]] later')
  t.is((await ended(id)).status, 'completed')
})

test('an answer that breaks off ends a background response as failed and a stream with an error', async t => {
  const { body: { id } } = await background('[[sim:stream-error]] breaks')
  t.is((await ended(id)).status, 'failed')
  const all = await events(await api.openai().responses.retrieve(id, { stream: true }))
  t.deepEqual(all.map(event => event.sequence_number), all.map((_, index) => index + 1))
  t.is(all.at(-1)!.type, 'response.failed')
  for (const fault of ['cut', 'unfinished', 'stream-error']) {
    await t.throwsAsync(async () => await events(await api.openai().responses.create({ model: 'sim-instant', input: `[[sim:${fault}]]`, stream: true })), { instanceOf: APIError }, fault)
  }
})

test('every response is written down with what it cost, however it was made', async t => {
  const { caller, key } = await createTestTenant(api.pool)
  const other = { ...api, key }
  const price = ({ usage }: Response): string => ((usage!.input_tokens * 0.1 + usage!.output_tokens * 0.4) / 1e6).toFixed(12)
  const { body: whole, headers } = await call(other, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Whole' } })
  t.is(Number(headers.get('x-sira-cost')), Number(price(whole)))
  const streamed = await call(other, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Streamed', stream: true } })
  t.regex(streamed.text, /: x-sira-cost 0\.0\d+\n\n$/)
  const { body: { id } } = await call(other, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Background', background: true } })
  for (;;) {
    if ((await call(other, 'GET', path(id))).body.status === 'completed') break
    await sleep(30)
  }
  const { body: done } = await call(other, 'GET', path(id))
  const rows = await usageOf(caller, 3, t)
  t.is(rows.length, 3)
  for (const row of rows) t.like(row, { endpoint: '/v1/responses', status: 200, project_id: caller.projectId })
  t.is(rows[0]!.input_tokens, whole.usage.input_tokens)
  t.is(rows[2]!.output_tokens, done.usage.output_tokens)
  t.is(Number(rows[2]!.cost), Math.round(Number(price(done)) * 1e12))
})

test('a background response with a model that the key may not use or nobody knows is refused at once', async t => {
  t.is((await background('Hi', { model: 'nobodys' })).status, 404)
  t.is((await background('Hi', { input: undefined })).status, 400)
})

test('a saved preset counts for background responses too', async t => {
  await call(api, 'POST', '/api/v1/presets', { body: { name: 'brief', parameters: { max_output_tokens: 16 } } })
  const { body: { id } } = await background('Tell me a lot', { preset: 'brief' })
  t.like(await ended(id), { status: 'incomplete', max_output_tokens: 16 })
  t.is((await background('Hi', { preset: 'none' })).status, 400)
})

test('each end of a background response is one event of the feed, without what was said; a response that was waited for has none', async t => {
  const made = await Promise.all([
    ['[[sim:delay=300]] planted-words', 'completed'], ['[[sim:400]] planted-words', 'failed'], ['[[sim:delay=20000]] planted-words', 'cancelled']
  ].map(async ([input, end]) => {
    const { body: { id } } = await background(input!)
    if (end === 'cancelled') await call(api, 'POST', path(id, '/cancel'))
    return { id: id as string, end, done: await ended(id) }
  }))
  for (const { id, end, done } of made) {
    const [event, ...more] = await checkedEvents(t, api.pool, [id])
    t.deepEqual(more, [])
    t.like(event, { type: `response.${end}`, data: { status: end, model: 'sim-instant' } })
    t.is((event!.data.usage as { output_tokens?: number } | undefined)?.output_tokens, done.usage?.output_tokens)
    t.false(JSON.stringify(event).includes('planted-words'))
  }
  const { body: direct } = await call(api, 'POST', '/v1/responses', { body: { model: 'sim-instant', input: 'Hi' } })
  t.is(direct.status, 'completed')
  t.deepEqual(await checkedEvents(t, api.pool, [direct.id]), [])
})

// serial, so before the others: it starts threads, which takes seconds of work
test.serial('a background response of 2 MB is accepted once, run with all of its input, and can be cancelled', async t => {
  const input = 'All work and no play makes a dull day. '.repeat(55_000)
  const headers = { 'idempotency-key': 'large' }
  const accepted = await background(input, {}, headers)
  t.like(accepted, { status: 200, body: { status: 'queued', background: true } })
  const again = await background(input, {}, headers)
  t.is(again.body.id, accepted.body.id)
  t.is(again.headers.get('idempotent-replayed'), 'true')
  t.is((await background(`${input}!`, {}, headers)).status, 409)
  const done = await ended(accepted.body.id as string)
  t.is(done.status, 'completed')
  t.true(done.usage!.input_tokens >= input.length / 4, `${done.usage!.input_tokens}`)

  const long = await background(`[[sim:delay=20000]] ${input}`)
  const cancelled = await call(api, 'POST', path(long.body.id as string, '/cancel'))
  t.like(cancelled, { status: 200, body: { id: long.body.id, status: 'cancelled' } })
  t.is((await call(api, 'GET', path(long.body.id as string))).body.status, 'cancelled')
})
