import test, { type ExecutionContext } from 'ava'
import type pg from 'pg'
import { eventTypes } from '../../lib/domain/event-types.ts'
import { newId } from '../../lib/ids.ts'
import { addCaller, openDatabase } from '../lib/store/_job-fixture.ts'
import { call, type Answer } from '../support/api.ts'
import { addEvents } from './_events.ts'
import { startEventsApp, type EventsApp } from './_events-app.ts'
import { follow, type Following } from './_sse.ts'

interface World { readonly databaseUrl: string, readonly pool: pg.Pool, readonly api: EventsApp, readonly get: (path: string, key: string) => Promise<Answer> }

async function openWorld (t: ExecutionContext): Promise<World> {
  const { url: databaseUrl, pool } = await openDatabase(t)
  const api = await startEventsApp(databaseUrl, pool)
  t.teardown(api.stop)
  return { databaseUrl, pool, api, get: async (path, key) => await call({ url: api.url, key }, 'GET', `/api/v1${path}`) }
}

const ids = ({ body }: Answer): string[] => body.data.map((event: { id: string }) => event.id)

test('events are listed newest first in pages, with all that is known of them, and read one by one', async t => {
  const { pool, get } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const resource = newId('batch')
  const made = await addEvents(pool, caller, ['batch.created', 'batch.in_progress', 'batch.finalizing', 'batch.completed'], { resource, data: { state: 'x' } })
  const expected = made.toReversed()
  const seen: string[] = []
  for (let after = ''; ;) {
    const page = await get(`/events?limit=3${after}`, key)
    seen.push(...ids(page))
    t.is(page.body.has_more, page.body.next_after !== null)
    if (!page.body.has_more) break
    after = `&after=${page.body.next_after}`
  }
  t.deepEqual(seen, expected)
  const { body } = await get(`/events/${made[3]}`, key)
  t.like(body, { id: made[3], type: 'batch.completed', project_id: caller.projectId, resource_id: resource, seq: 4, feed_seq: 4, data: { state: 'x' } })
  t.regex(body.created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('events are found by type, wildcard, resource and time, and what is older than 30 days or not in the feed yet is not', async t => {
  const { pool, get } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  const resource = newId('response')
  const [created, completed] = await addEvents(pool, caller, ['batch.created', 'batch.completed'])
  const [response] = await addEvents(pool, caller, ['response.completed'], { resource })
  const [old, older] = await addEvents(pool, caller, ['batch.created', 'batch.completed'])
  await pool.query("UPDATE event SET created_at = now() - interval '29 days' WHERE id = $1", [old])
  await pool.query("UPDATE event SET created_at = now() - interval '31 days' WHERE id = $1", [older])
  await pool.query("INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data) VALUES ('evt_new', $1, $2, 'r', 1, 'batch.created', '{}')", [caller.organizationId, caller.projectId])
  const hour = (hours: number): string => new Date(Date.now() + hours * 3_600_000).toISOString()
  const cases: ReadonlyArray<readonly [query: string, expected: Array<string | undefined>]> = [
    ['', [old, response, completed, created]],
    ['?type=batch.created', [old, created]],
    ['?type=batch.*', [old, completed, created]],
    ['?type=batch.completed&type=response.*', [response, completed]],
    ['?type=*', [old, response, completed, created]],
    [`?resource_id=${resource}`, [response]],
    [`?since=${hour(-1)}`, [response, completed, created]],
    [`?until=${hour(-1)}`, [old]],
    [`?since=${hour(1)}`, []]
  ]
  for (const [query, expected] of cases) t.deepEqual(ids(await get(`/events${query}`, key)), expected, query)
  for (const id of [older, 'evt_new', 'evt_none']) t.is((await get(`/events/${id}`, key)).status, 404)
})

test('what an event list may not be asked is refused with the field', async t => {
  const { pool, api, get } = await openWorld(t)
  const { key } = await addCaller(pool, 'a')
  const cases: ReadonlyArray<readonly [path: string, status: number, code: string, param: string | undefined]> = [
    ['/events?type=batch', 400, 'invalid_parameter', 'type'],
    ['/events?type=batch*', 400, 'invalid_parameter', 'type'],
    ['/events?type=%25', 400, 'invalid_parameter', 'type'],
    ['/events?since=yesterday', 400, 'invalid_parameter', 'since'],
    ['/events?limit=101', 400, 'invalid_parameter', 'limit'],
    ['/events?types=ping', 400, 'invalid_parameter', 'types'],
    ['/events?scope=all', 400, 'invalid_parameter', 'scope'],
    ['/events?scope=organization', 403, 'insufficient_scope', undefined],
    ['/events/evt_x?scope=organization', 403, 'insufficient_scope', undefined],
    ['/events/%00', 400, 'invalid_parameter', 'id'],
    ['/events/stream?after=-1', 400, 'invalid_parameter', 'after'],
    ['/events/stream?type=nothing', 400, 'invalid_parameter', 'type']
  ]
  for (const [path, status, code, param] of cases) {
    const answer = await get(path, key)
    t.deepEqual([answer.status, answer.body.code, answer.body.param], [status, code, param], path)
  }
  t.is((await call({ url: api.url, key }, 'GET', '/api/v1/events/stream', { headers: { 'last-event-id': 'x' } })).status, 400)
})

test('events of another project and organization are absent, but for who may see the whole organization', async t => {
  const { pool, get } = await openWorld(t)
  const [one, other, whole] = [await addCaller(pool, 'a'), await addCaller(pool, 'b'), await addCaller(pool, 'c', ['organization'])]
  const sibling = { organizationId: whole.caller.organizationId, projectId: 'proj_sibling' }
  const [ofOne] = await addEvents(pool, one.caller, ['batch.created'])
  const [ofWhole] = await addEvents(pool, whole.caller, ['batch.created'])
  const [ofSibling] = await addEvents(pool, sibling, ['batch.failed'])
  const [ofOrganization] = await addEvents(pool, { ...sibling, projectId: '' }, ['budget.threshold_reached'])
  t.deepEqual(ids(await get('/events', one.key)), [ofOne])
  t.deepEqual(ids(await get('/events', other.key)), [])
  t.deepEqual(ids(await get(`/events?after=${ofOne}`, other.key)), [])
  t.is((await get(`/events/${ofOne}`, other.key)).status, 404)
  t.deepEqual(ids(await get('/events', whole.key)), [ofWhole])
  t.deepEqual(ids(await get('/events?scope=organization', whole.key)), [ofOrganization, ofSibling, ofWhole])
  const first = await get('/events?scope=organization&limit=2', whole.key)
  t.deepEqual(ids(await get(`/events?scope=organization&after=${first.body.next_after}`, whole.key)), [ofWhole])
  t.is((await get(`/events/${ofSibling}`, whole.key)).status, 404)
  t.is((await get(`/events/${ofSibling}?scope=organization`, whole.key)).status, 200)
  t.is((await get(`/events/${ofOne}?scope=organization`, whole.key)).status, 404)
})

test('event types are listed with their schemas', async t => {
  const { pool, get } = await openWorld(t)
  const { key } = await addCaller(pool, 'a')
  const { body } = await get('/event-types', key)
  t.deepEqual(body.data, JSON.parse(JSON.stringify(eventTypes)))
})

const outline = ({ messages }: Following): string[] => messages.items.map(({ id, event }) => `${id} ${event}`)

test('a stream begins now unless told a place, and tells each event once and in order', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  await addEvents(pool, caller, ['batch.created', 'batch.in_progress'])
  const stream = `${api.url}/api/v1/events/stream`
  const live = await follow(t, stream, key)
  const whole = await follow(t, `${stream}?after=0`, key)
  const beyond = await follow(t, `${stream}?after=99`, key)
  const chosen = await follow(t, `${stream}?after=0&type=batch.created&type=ping`, key)
  t.is(live.response.headers['content-type'], 'text/event-stream; charset=utf-8')
  await whole.messages.until(items => items.length === 2)
  await addEvents(pool, caller, ['ping'], { data: { a: 1 } })
  await addEvents(pool, caller, ['batch.completed', 'batch.created'])
  for (const [following, expected] of [
    [live, ['3 ping', '4 batch.completed', '5 batch.created']], [beyond, ['3 ping', '4 batch.completed', '5 batch.created']],
    [whole, ['1 batch.created', '2 batch.in_progress', '3 ping', '4 batch.completed', '5 batch.created']], [chosen, ['1 batch.created', '3 ping', '5 batch.created']]
  ] as const) {
    await following.messages.until(items => items.at(-1)?.id === 5)
    t.deepEqual(outline(following), expected)
  }
  t.like(live.messages.items[0]?.data, { type: 'ping', feed_seq: 3, seq: 1, data: { a: 1 }, project_id: caller.projectId })
})

test('a stream that waits for rare types comes back behind what it passed over', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  await addEvents(pool, caller, ['batch.created', 'batch.created'])
  const first = await follow(t, `${api.url}/api/v1/events/stream?type=ping`, key)
  await addEvents(pool, caller, ['ping'])
  await first.messages.until(items => items.length === 1)
  t.is(first.lastId(), '3')
  const second = await follow(t, `${api.url}/api/v1/events/stream?type=ping&after=0`, key, { 'last-event-id': first.lastId() })
  await addEvents(pool, caller, ['ping'])
  await second.messages.until(items => items.length === 1)
  t.deepEqual(outline(second), ['4 ping'])
  const quiet = await follow(t, `${api.url}/api/v1/events/stream`, key)
  await new Promise(resolve => { quiet.response.once('data', resolve) })
  t.is(quiet.lastId(), '4', 'before any event')
})

test('streams of two processes, one of them restarted, miss nothing while eight writers add events', async t => {
  const { databaseUrl, pool, api } = await openWorld(t)
  const other = await startEventsApp(databaseUrl, pool)
  t.teardown(other.stop)
  const { caller, key } = await addCaller(pool, 'a')
  const path = '/api/v1/events/stream?after=0'
  const steady = await follow(t, other.url + path, key)
  let restarting = await follow(t, api.url + path, key)
  const total = 1_600
  const writers = Array.from({ length: 8 }, async () => { for (let round = 0; round < total / 80; round++) await addEvents(pool, caller, Array.from({ length: 10 }, () => 'batch.created')) })
  await restarting.messages.until(items => items.length >= 100)
  await api.stop()
  t.is(await restarting.ended, 'complete')
  const before = restarting.messages.items.map(({ id }) => id)
  const again = await startEventsApp(databaseUrl, pool, api.port)
  t.teardown(again.stop)
  restarting = await follow(t, again.url + path, key, { 'last-event-id': restarting.lastId() })
  await Promise.all(writers)
  const everything = Array.from({ length: total }, (_, index) => index + 1)
  await steady.messages.until(items => items.length >= total)
  t.deepEqual(steady.messages.items.map(({ id }) => id), everything)
  await restarting.messages.until(items => items.at(-1)?.id === total)
  t.deepEqual([...before, ...restarting.messages.items.map(({ id }) => id)], everything)
})

test('one who reads slowly or from long ago holds nobody up, and gets everything in the end', async t => {
  const { pool, api } = await openWorld(t)
  const { caller, key } = await addCaller(pool, 'a')
  await addEvents(pool, caller, Array.from({ length: 3_000 }, () => 'batch.created'), { data: { filler: 'x'.repeat(8_000) } }) // 24 MB, more than the sockets' own buffers hold
  const stream = `${api.url}/api/v1/events/stream`
  const slow = await follow(t, `${stream}?after=0`, key)
  slow.response.pause()
  const distant = await follow(t, `${stream}?after=1`, key)
  const live = await follow(t, stream, key)
  await addEvents(pool, caller, ['ping'])
  await live.messages.until(items => items.length === 1)
  await distant.messages.until(items => items.length === 3_000)
  const kept = slow.messages.items.length
  t.true(kept < 1_500, String(kept))
  slow.response.resume()
  await slow.messages.until(items => items.length === 3_001)
  t.deepEqual(slow.messages.items.map(({ id }) => id), Array.from({ length: 3_001 }, (_, index) => index + 1))
})

test('an event stream ends when its key is revoked, and when the process drains', async t => {
  const { pool, api } = await openWorld(t)
  const [revoked, kept] = [await addCaller(pool, 'a'), await addCaller(pool, 'b')]
  const streams = [await follow(t, `${api.url}/api/v1/events/stream`, revoked.key), await follow(t, `${api.url}/api/v1/events/stream`, kept.key)] as const
  await pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [revoked.caller.keyId])
  t.is(await streams[0].ended, 'complete')
  await addEvents(pool, kept.caller, ['ping'])
  await streams[1].messages.until(items => items.length === 1)
  await api.stop()
  t.is(await streams[1].ended, 'complete')
})
