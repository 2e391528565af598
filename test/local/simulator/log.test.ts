import { createHash } from 'node:crypto'
import test from 'ava'
import { request } from 'undici'
import { createCallLog } from '../../../local/simulator/log.ts'
import type { LoggedCall } from '../../../local/simulator/log.ts'
import { segmentSize } from '../../../local/simulator/log-segment.ts'
import { chat, post, simulatorFor } from './helpers.ts'

test('simulator log: a call shows who asked, what came of it and what it cost, but no key', async t => {
  const simulator = await simulatorFor(t)
  const answer = await chat(simulator, 'Hello', {}, { authorization: 'Bearer sk-planted-secret', 'x-client-request-id': 'batch_req_1_1' })
  const { usage } = await answer.body.json() as { usage: { prompt_tokens: number, completion_tokens: number } }
  const text = await (await request(`${simulator.url}/_sim/calls`)).body.text()
  t.false(text.includes('secret'))
  const call = JSON.parse(text) as LoggedCall
  t.like(call, {
    sequence: 1,
    method: 'POST',
    path: '/v1/chat/completions',
    model: 'sim-fast',
    stream: false,
    client_request_id: 'batch_req_1_1',
    authorization: createHash('sha256').update('Bearer sk-planted-secret').digest('hex').slice(0, 12),
    status: 200,
    outcome: 'answered',
    delivered: true,
    aborted: false,
    in_flight: 1
  })
  t.deepEqual(answer.headers['x-request-id'], call.request_id)
  t.deepEqual(call.usage, { prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens, cached_tokens: 0, reasoning_tokens: 0 })
  t.true(call.finished_ms! >= call.started_ms)
  t.true(Math.abs(Date.parse(call.time) - Date.now()) < 10_000)
})

test('simulator log: pages by sequence and by prefix of the client request id', async t => {
  const simulator = await simulatorFor(t)
  for (let row = 1; row <= 7; row++) {
    await (await chat(simulator, `Row ${row}`, {}, { 'x-client-request-id': `${row % 2 === 0 ? 'even' : 'odd'}_${row}` })).body.dump()
  }
  const page = async (query: string): Promise<[number[], unknown]> => {
    const answer = await request(`${simulator.url}/_sim/calls?${query}`)
    const lines = (await answer.body.text()).split('\n').filter(line => line !== '')
    return [lines.map(line => (JSON.parse(line) as LoggedCall).sequence), answer.headers['x-sim-has-more']]
  }
  t.deepEqual(await page('limit=3'), [[1, 2, 3], 'true'])
  t.deepEqual(await page('after=3&limit=4'), [[4, 5, 6, 7], 'false'])
  t.deepEqual(await page('prefix=odd_&limit=3'), [[1, 3, 5], 'true'])
  t.deepEqual(await page('prefix=odd_&after=5'), [[7], 'false'])
  t.is((await request(`${simulator.url}/_sim/calls?limit=50001`)).statusCode, 400)
})

test('simulator log: stats tell repeated calls, concurrency and usage by delivery and model', async t => {
  const simulator = await simulatorFor(t, { latency: 100 })
  const id = (name: string): Record<string, string> => ({ 'x-client-request-id': name })
  const bodies = await Promise.all([
    chat(simulator, 'One', {}, id('one')), chat(simulator, 'One', {}, id('one')), chat(simulator, '[[sim:500 times=1]]', {}, id('two'))
  ].map(async call => { await (await call).body.dump() }))
  t.is(bodies.length, 3)
  await (await chat(simulator, '[[sim:500 times=1]]', {}, id('two'))).body.dump()
  await (await chat(simulator, '[[sim:malformed]]')).body.dump()
  const stats = simulator.stats()
  t.like(stats, {
    calls: 5,
    running: 0,
    in_flight_max: 3,
    by_status: { 200: 4, 500: 1 },
    by_outcome: { answered: 3, 500: 1, malformed: 1 },
    repeated: { calls: 2, delivered: 1 },
    kept: 5,
    dropped: 0
  })
  const calls = simulator.calls()
  const sum = (chosen: readonly LoggedCall[]): number => chosen.reduce((total, call) => total + (call.usage?.completion_tokens ?? 0), 0)
  t.is(stats.usage.delivered.completion_tokens, sum(calls.filter(call => call.delivered)))
  t.is(stats.usage.undelivered.completion_tokens, sum(calls.filter(call => !call.delivered)))
  t.like(stats.by_model['sim-fast'], { calls: 5, delivered: 3, usage: stats.usage.delivered })
  t.true(stats.cpu_us.user > 0 && stats.rss_bytes > 0)
})

test('simulator log: reset starts at 1 again, and a call from before does not enter the new log', async t => {
  const simulator = await simulatorFor(t)
  const early = chat(simulator, '[[sim:delay=150]]')
  await (await chat(simulator, 'Hello')).body.dump()
  t.is((await post(simulator, '/_sim/reset', {})).statusCode, 200)
  await (await early).body.dump()
  t.is(simulator.calls().length, 0)
  await (await chat(simulator, 'Hello')).body.dump()
  t.like(simulator.calls(), [{ sequence: 1, in_flight: 1 }])
})

test('simulator log: drops the oldest entries beyond its capacity and keeps the totals', t => {
  const log = createCallLog(segmentSize, 'req_', 0)
  const count = 3 * segmentSize + 5
  for (let call = 1; call <= count; call++) {
    const sequence = log.start({ started: call, method: 'POST', path: '/v1/x', clientRequestId: `id ${call}`, authorization: null, inFlight: 1 })
    log.describe(sequence, 'sim-fast', false, call)
    // The first one ends only after it was dropped.
    if (call > 1) log.finish(sequence, { finished: call, status: 200, outcome: 'answered', delivered: true, aborted: false, usage: null })
  }
  log.finish(1, { finished: count, status: 0, outcome: 'aborted', delivered: false, aborted: true, usage: null })
  const { calls } = log.find({})
  t.like(log.stats(), { calls: count, running: 0, kept: calls.length, dropped: count - calls.length, by_outcome: { answered: count - 1, aborted: 1 } })
  t.true(calls.length >= segmentSize && calls.length <= 2 * segmentSize)
  t.deepEqual([calls[0]!.sequence, calls.at(-1)!.sequence], [count - calls.length + 1, count])
  for (const call of [calls[0]!, calls.at(-1)!]) t.is(call.client_request_id, `id ${call.sequence}`)
  t.is(log.read(1), null)
})
