import test from 'ava'
import type { ResponseEnd } from '../../../lib/domain/response-event.ts'
import { newId } from '../../../lib/ids.ts'
import { appendResponseEvents, finishResponse, insertResponse, readResponseEvents } from '../../../lib/store/responses.ts'
import { checkedEvents } from '../../support/feed-events.ts'
import { addCaller, openDatabase } from './_job-fixture.ts'

async function openResponses (t: Parameters<typeof openDatabase>[0]) {
  const { pool } = await openDatabase(t)
  const { caller: { organizationId, projectId, keyId } } = await addCaller(pool, 'a')
  return {
    pool,
    add: async (background = true): Promise<string> => {
      const id = newId('response')
      await insertResponse(pool, { id, organizationId, projectId, keyId, model: 'sim', status: 'queued', background, previousResponseId: null, request: '{}', input: '[]', body: null })
      return id
    },
    finish: async (id: string, status: ResponseEnd, response: object = {}, sequenceNumber = 3): Promise<boolean> =>
      await finishResponse(pool, id, { status, response: { ...response }, event: { sequenceNumber, data: '{}' } })
  }
}

test('of racing ends of a background response one wins, and the feed has one event, of that end', async t => {
  const { pool, add, finish } = await openResponses(t)
  const ends = ['completed', 'failed', 'cancelled', 'incomplete', 'completed', 'cancelled'] as const
  for (let round = 0; round < 10; round++) {
    const id = await add()
    await appendResponseEvents(pool, id, [{ sequenceNumber: 1, data: '{}' }])
    const won = await Promise.all(ends.map(async status => await finish(id, status)))
    t.is(won.filter(Boolean).length, 1)
    const events = await checkedEvents(t, pool, [id])
    t.deepEqual(events.map(({ seq, type }) => [seq, type]), [[3, `response.${ends[won.indexOf(true)]}`]])
    t.is((await readResponseEvents(pool, id, 1, 10)).length, 1)
  }
})

test('the end of a response that somebody waited for is no event of the feed', async t => {
  const { pool, add, finish } = await openResponses(t)
  const id = await add(false)
  t.true(await finish(id, 'completed'))
  t.deepEqual(await checkedEvents(t, pool, [id]), [])
})

test('the event of an end has usage and codes, and nothing that a provider made up', async t => {
  const { pool, add, finish } = await openResponses(t)
  const told = async (status: ResponseEnd, response: object): Promise<unknown> => {
    const id = await add()
    t.true(await finish(id, status, response))
    return (await checkedEvents(t, pool, [id]))[0]?.data
  }
  t.deepEqual(await told('completed', {
    output: [{ secret: 'text' }],
    instructions: 'secret',
    error: null,
    usage: { input_tokens: 5, input_tokens_details: { cached_tokens: 4 }, output_tokens: 3, output_tokens_details: { reasoning_tokens: 2 }, total_tokens: 8 }
  }), { status: 'completed', model: 'sim', usage: { input_tokens: 5, cached_input_tokens: 4, output_tokens: 3, reasoning_tokens: 2, total_tokens: 8 } })
  t.deepEqual(await told('failed', { error: { code: 'server_error', message: 'secret' } }), { status: 'failed', model: 'sim', error: { code: 'server_error' } })
  t.deepEqual(await told('incomplete', { incomplete_details: { reason: 'max_output_tokens' } }), { status: 'incomplete', model: 'sim', incomplete_reason: 'max_output_tokens' })
  for (const odd of [-1, 1.5, 1e300, '7', null, {}, undefined]) t.deepEqual(await told('completed', { usage: { input_tokens: odd } }), { status: 'completed', model: 'sim' })
  // Postgres takes neither in jsonb, and the response has to end all the same
  for (const code of ['a\u0000b', '\ud800', 'x'.repeat(101), 7]) t.deepEqual(await told('failed', { error: { code } }), { status: 'failed', model: 'sim' })
})
