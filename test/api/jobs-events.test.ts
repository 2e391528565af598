import test from 'ava'
import { transitionJob } from '../../lib/store/jobs.ts'
import { addCaller, addJob, addProgress } from '../lib/store/_job-fixture.ts'
import { openJobsApp } from './_jobs-app.ts'
import { follow, type Message } from './_sse.ts'

const outline = (messages: readonly Message[]): string[] => messages.map(({ id, event }) => `${id} ${event}`)

test('a job is followed from its first event to its end', async t => {
  const { url, pool, hints } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  await transitionJob(pool, { id, to: 'running' })
  const { response, messages, ended } = await follow(t, `${url}/jobs/${id}/events`, key)
  t.is(response.statusCode, 200)
  t.is(response.headers['content-type'], 'text/event-stream; charset=utf-8')
  await messages.until(items => items.length === 3)
  t.deepEqual(outline(messages.items), ['1 batch.created', '2 batch.in_progress', '2 progress'])
  t.like(messages.items[1]?.data, { job: id, seq: 2, type: 'batch.in_progress', data: { state: 'running' } })
  hints.hint(id, await addProgress(pool, id, 100))
  await messages.until(items => items.length === 4)
  t.like(messages.items[3], { id: 3, event: 'progress', data: { job: id, seq: 3, counts: { succeeded: 100 }, cost: '0.0002' } })
  for (const to of ['finalizing', 'succeeded'] as const) {
    const { seq } = (await transitionJob(pool, { id, to }))!
    hints.hint(id, seq)
    await messages.until(items => items.at(-1)?.event === 'progress' && items.at(-1)?.id === seq)
  }
  t.is(await ended, 'complete')
  t.deepEqual(outline(messages.items.slice(4)), ['4 batch.finalizing', '4 progress', '5 batch.completed', '5 progress'])
})

test('a stream resumes behind Last-Event-ID, which counts more than `after`', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  for (const to of ['running', 'finalizing', 'failed'] as const) await transitionJob(pool, { id, to })
  for (const [query, headers, expected] of [
    ['', { 'last-event-id': '2' }, ['3 batch.finalizing', '4 batch.failed', '4 progress']],
    ['?after=3', {}, ['4 batch.failed', '4 progress']],
    ['?after=0', { 'last-event-id': '3' }, ['4 batch.failed', '4 progress']]
  ] as const) {
    const { messages, ended } = await follow(t, `${url}/jobs/${id}/events${query}`, key, headers)
    t.is(await ended, 'complete')
    t.deepEqual(outline(messages.items), expected)
  }
})

test('who has been told everything of a finished job gets 204, which makes an EventSource stop', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  await transitionJob(pool, { id, to: 'cancelled' })
  const { response } = await follow(t, `${url}/jobs/${id}/events`, key, { 'last-event-id': '2' })
  t.is(response.statusCode, 204)
})

test('who has been told everything of a running job gets its progress at once', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  for (const after of [1, 500]) {
    const { messages, leave } = await follow(t, `${url}/jobs/${id}/events?after=${after}`, key)
    await messages.until(items => items.length > 0)
    t.deepEqual(outline(messages.items), ['1 progress'])
    leave()
  }
})

test('a place to resume from that is no seq is refused', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  t.is((await follow(t, `${url}/jobs/${id}/events`, key, { 'last-event-id': 'abc' })).response.statusCode, 400)
  t.is((await follow(t, `${url}/jobs/${id}/events?after=-1`, key)).response.statusCode, 400)
})

test('streams end when the process drains, so that their clients go elsewhere', async t => {
  const { app, url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const streams = await Promise.all([1, 2].map(async () => follow(t, `${url}/jobs/${id}/events`, key)))
  const start = performance.now()
  await app.close()
  t.deepEqual(await Promise.all(streams.map(async ({ ended }) => ended)), ['complete', 'complete'])
  t.true(performance.now() - start < 2_000)
})

test('a stream ends when its key is revoked', async t => {
  const { url, pool } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const { ended, messages } = await follow(t, `${url}/jobs/${id}/events`, key)
  await messages.until(items => items.length > 0)
  const start = performance.now()
  await pool.query('UPDATE api_key SET revoked_at = now() WHERE id = $1', [caller.keyId])
  t.is(await ended, 'complete')
  t.true(performance.now() - start < 3_000)
  t.is((await follow(t, `${url}/jobs/${id}/events`, key)).response.statusCode, 401)
})

test('a stream ends when its text of the key is rotated away, and when the key loses its scope', async t => {
  const { url, pool } = await openJobsApp(t)
  for (const change of ['UPDATE key_secret SET expires_at = now() WHERE key_id = $1', "UPDATE api_key SET scopes = '{files}' WHERE id = $1"]) {
    const { caller, key } = await addCaller(pool, `${change.length}`)
    const { ended, messages } = await follow(t, `${url}/jobs/${await addJob(pool, caller, 'running')}/events`, key)
    await messages.until(items => items.length > 0)
    await pool.query(change, [caller.keyId])
    t.is(await ended, 'complete', change)
  }
})

test('a client that leaves is unsubscribed at once', async t => {
  const { url, pool, subscriptions } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const { messages, leave } = await follow(t, `${url}/jobs/${id}/events`, key)
  await messages.until(items => items.length > 0)
  t.is(subscriptions.size, 1)
  leave()
  const start = performance.now()
  while (subscriptions.size > 0) await new Promise(resolve => { setImmediate(resolve) })
  t.true(performance.now() - start < 1_000)
})

test('a reader that pauses gets every event and only the newer progress when it goes on', async t => {
  const { url, pool, hints } = await openJobsApp(t)
  const { caller, key } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const slow = await follow(t, `${url}/jobs/${id}/events?after=1`, key)
  const quick = await follow(t, `${url}/jobs/${id}/events?after=1`, key)
  slow.response.pause()
  const data = { filler: 'x'.repeat(1_000_000) } // 20 MB in all, more than the sockets' own buffers hold
  for (let round = 0; round < 20; round++) {
    const { seq } = (await transitionJob(pool, { id, to: round % 2 === 0 ? 'paused' : 'running', data }))!
    hints.hint(id, seq)
    await quick.messages.until(items => items.at(-1)?.event === 'progress' && items.at(-1)?.id === seq)
  }
  slow.response.resume()
  await slow.messages.until(items => items.at(-1)?.event === 'progress' && items.at(-1)?.id === 21)
  const isEvent = ({ event }: Message): boolean => event !== 'progress'
  t.deepEqual(slow.messages.items.filter(isEvent).map(({ id }) => id), Array.from({ length: 20 }, (_, index) => index + 2))
  t.true(slow.messages.items.length < quick.messages.items.length, `${slow.messages.items.length} of ${quick.messages.items.length}`)
})
