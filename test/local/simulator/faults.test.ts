import { setTimeout as wait } from 'node:timers/promises'
import test from 'ava'
import OpenAI from 'openai'
import { request } from 'undici'
import { chat, clientOf, errorOf, post, simulatorFor } from './helpers.ts'

const statuses: readonly [marker: string, status: number, code: string | null][] = [
  ['400', 400, 'invalid_value'], ['401', 401, 'invalid_api_key'], ['403', 403, 'model_not_available'], ['404', 404, 'model_not_found'],
  ['408', 408, 'request_timeout'], ['409', 409, 'conflict'], ['422', 422, 'unprocessable_entity'], ['429', 429, 'rate_limit_exceeded'],
  ['429-quota', 429, 'insufficient_quota'], ['500', 500, null], ['503', 503, 'server_is_overloaded'], ['529', 529, 'overloaded_error']
]
for (const [marker, status, code] of statuses) {
  test(`simulator fault: [[sim:${marker}]] answers ${status} in OpenAI's envelope`, async t => {
    const simulator = await simulatorFor(t)
    const answer = await chat(simulator, `Hello [[sim:${marker}]]`)
    t.is(answer.statusCode, status)
    t.is(answer.headers['retry-after'], undefined)
    t.is(answer.headers['x-should-retry'], marker === '429-quota' ? 'false' : undefined)
    t.is((await errorOf(answer)).code, code)
    t.like(simulator.calls()[0], { status, outcome: marker, delivered: false, aborted: false, usage: null })
  })
}

for (const marker of ['502', '504']) {
  test(`simulator fault: [[sim:${marker}]] answers with a page of HTML`, async t => {
    const answer = await chat(await simulatorFor(t), `[[sim:${marker}]]`)
    t.is(answer.statusCode, Number(marker))
    t.is(answer.headers['content-type'], 'text/html')
    t.true((await answer.body.text()).startsWith('<html>'))
  })
}

test('simulator fault: retry-after goes out as given, on any status', async t => {
  const simulator = await simulatorFor(t)
  for (const [marker, expected] of [['429 retry-after=1', '1'], ['503 retry-after=0.25', '0.25'], ['502 retry-after=3', '3']]) {
    const answer = await chat(simulator, `[[sim:${marker}]]`)
    await answer.body.dump()
    t.is(answer.headers['retry-after'], expected)
  }
})

test('simulator fault: a flood repeats one event of the right stream until it has the bytes asked for, no faster than it is read', async t => {
  const simulator = await simulatorFor(t)
  const bytes = 32 * 1024 * 1024
  const answer = await chat(simulator, `[[sim:flood bytes=${bytes}]]`, { stream: true })
  await wait(50)
  t.is(simulator.calls()[0]!.finished_ms, null, 'nobody reads it')
  const frames = (await answer.body.text()).trimEnd().split('\n\n')
  t.is(frames.at(-1), 'data: [DONE]')
  const counts = new Map<string, number>()
  for (const frame of frames) counts.set(frame, (counts.get(frame) ?? 0) + 1)
  const [repeated, count] = [...counts].reduce((most, entry) => entry[1] > most[1] ? entry : most)
  t.true(Math.abs(count - bytes / (repeated.length + 2)) < 3)
  t.like(simulator.calls()[0], { outcome: 'flood', delivered: true, aborted: false })
})

test('simulator fault: redirect points elsewhere', async t => {
  const answer = await chat(await simulatorFor(t), '[[sim:redirect]]')
  await answer.body.dump()
  t.is(answer.statusCode, 307)
  t.is(answer.headers['location'], '/_sim/stats')
})

test('simulator fault: reset breaks the connection before any answer', async t => {
  const simulator = await simulatorFor(t)
  await t.throwsAsync(chat(simulator, '[[sim:reset]]'), { code: 'ECONNRESET' })
  await t.throwsAsync(clientOf(simulator).chat.completions.create({ model: 'sim-fast', messages: [{ role: 'user', content: '[[sim:reset]]' }] }), {
    instanceOf: OpenAI.APIConnectionError
  })
  t.like(simulator.calls()[0], { outcome: 'reset', status: null, aborted: false, usage: null })
})

test('simulator fault: hang answers nothing until the client gives up, and is reset after its time', async t => {
  const simulator = await simulatorFor(t)
  const given = request(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'sim-fast', messages: [{ role: 'user', content: '[[sim:hang]]' }] }),
    signal: AbortSignal.timeout(100)
  })
  await t.throwsAsync(given, { any: true, name: 'TimeoutError' })
  await t.throwsAsync(chat(simulator, '[[sim:hang ms=50]]'), { code: 'ECONNRESET' })
  t.like(simulator.calls()[0], { outcome: 'hang', status: null, aborted: true })
  t.like(simulator.calls()[1], { outcome: 'hang', status: null, aborted: false })
})

test('simulator fault: cut sends half of an announced answer and closes', async t => {
  const simulator = await simulatorFor(t)
  const answer = await chat(simulator, '[[sim:cut]]')
  t.is(answer.statusCode, 200)
  const received: Buffer[] = []
  await t.throwsAsync(async () => { for await (const chunk of answer.body) received.push(chunk as Buffer) })
  t.is(Buffer.concat(received).length, Math.floor(Number(answer.headers['content-length']) / 2))
  const [call] = simulator.calls()
  t.like(call, { outcome: 'cut', status: 200, delivered: false, aborted: false })
  t.true(call!.usage!.completion_tokens > 0)
})

test('simulator fault: cut breaks a stream off without [DONE]', async t => {
  const answer = await chat(await simulatorFor(t), '[[sim:cut]]', { stream: true })
  let text = ''
  await t.throwsAsync(async () => { for await (const chunk of answer.body) text += String(chunk) })
  t.true(text.startsWith('data: {'))
  t.false(text.includes('[DONE]'))
})

test('simulator fault: malformed is whole by its length but not JSON', async t => {
  const simulator = await simulatorFor(t)
  const answer = await chat(simulator, '[[sim:malformed]]')
  const text = await answer.body.text()
  t.is(answer.statusCode, 200)
  t.is(text.length, Number(answer.headers['content-length']))
  t.throws(() => JSON.parse(text), { instanceOf: SyntaxError })
  t.like(simulator.calls()[0], { outcome: 'malformed', delivered: false })
})

test('simulator fault: malformed breaks one event in the middle of a stream', async t => {
  const answer = await chat(await simulatorFor(t), '[[sim:malformed]]', { stream: true })
  const frames = (await answer.body.text()).split('\n\n').filter(frame => frame !== '' && frame !== 'data: [DONE]')
  const broken = frames.filter(frame => {
    try { JSON.parse(frame.slice('data: '.length)); return false } catch { return true }
  })
  t.is(broken.length, 1)
})

test('simulator fault: drip gives the right answer slowly, in many pieces', async t => {
  const simulator = await simulatorFor(t)
  const started = performance.now()
  const answer = await chat(simulator, '[[sim:drip ms=400]]')
  let pieces = 0
  let text = ''
  for await (const chunk of answer.body) { pieces++; text += String(chunk) }
  t.true(performance.now() - started >= 350)
  t.true(pieces >= 10)
  t.like(JSON.parse(text), { object: 'chat.completion' })
  t.like(simulator.calls()[0], { outcome: 'drip', delivered: true })
})

test('simulator fault: oversize is valid JSON of the size asked for', async t => {
  const simulator = await simulatorFor(t)
  for (const further of [{}, { stream: true }]) {
    const text = await (await chat(simulator, '[[sim:oversize bytes=3000000]]', further)).body.text()
    t.is(text.length, 3_000_000)
    t.like(JSON.parse(text), { object: 'chat.completion' })
  }
  t.like(simulator.calls()[0], { outcome: 'oversize', delivered: true })
})

test('simulator fault: an unfinished stream ends neatly without [DONE]', async t => {
  const answer = await chat(await simulatorFor(t), '[[sim:unfinished]]', { stream: true })
  const text = await answer.body.text()
  t.true(text.endsWith('\n\n'))
  t.false(text.includes('[DONE]'))
})

test('simulator fault: stream-error reaches the SDK as an APIError in chat and as an error event in responses', async t => {
  const client = clientOf(await simulatorFor(t))
  const texts: string[] = []
  await t.throwsAsync(async () => {
    const messages = [{ role: 'user' as const, content: '[[sim:stream-error]]' }]
    const stream = await client.chat.completions.create({ model: 'sim-fast', stream: true, messages })
    for await (const chunk of stream) texts.push(chunk.choices[0]!.delta.content ?? '')
  }, { instanceOf: OpenAI.APIError, message: /server had an error/ })
  t.true(texts.join('').startsWith('Simulated'))
  // The flat error event of the Responses API is not thrown by the SDK: it hands it on like any other.
  const events: OpenAI.Responses.ResponseStreamEvent[] = []
  for await (const event of await client.responses.create({ model: 'sim-fast', input: '[[sim:stream-error]]', stream: true })) events.push(event)
  t.is(events[0]!.type, 'response.created')
  t.like(events.at(-1), { type: 'error', code: 'server_error', sequence_number: events.length - 1 })
})

test('simulator fault: delay replaces the latency and goes with a fault', async t => {
  const simulator = await simulatorFor(t, { latency: 60_000 })
  for (const [prompt, status] of [['[[sim:delay=150]]', 200], ['[[sim:500]] [[sim:delay=150]]', 500], ['[[sim:500]]', 500]] as const) {
    const started = performance.now()
    const answer = await chat(simulator, prompt)
    await answer.body.dump()
    t.is(answer.statusCode, status)
    t.is(performance.now() - started >= 145, prompt.includes('delay'))
  }
})

test('simulator fault: times counts the calls of one body, and several markers are worked off in order', async t => {
  const simulator = await simulatorFor(t)
  const prompt = '[[sim:500 times=1]] [[sim:429 times=2 retry-after=1]] Hello'
  const statuses: number[] = []
  for (let call = 0; call < 5; call++) {
    const answer = await chat(simulator, prompt)
    await answer.body.dump()
    statuses.push(answer.statusCode)
  }
  t.deepEqual(statuses, [500, 429, 429, 200, 200])
  t.is((await chat(simulator, `${prompt} again`)).statusCode, 500)
  simulator.reset()
  t.is((await chat(simulator, prompt)).statusCode, 500)
})

test('simulator fault: markers work on every endpoint', async t => {
  const simulator = await simulatorFor(t)
  for (const [path, body] of [
    ['/v1/completions', { model: 'sim-fast', prompt: '[[sim:500]]' }],
    ['/v1/responses', { model: 'sim-fast', input: '[[sim:500]]' }],
    ['/v1/embeddings', { model: 'sim-embed', input: ['fine', '[[sim:500]]'] }],
    ['/v1/moderations', { model: 'sim-moderation', input: '[[sim:500]]' }]
  ] as const) t.is((await post(simulator, path, body)).statusCode, 500, path)
})

const notMarkers = [
  '[[sim:5000]]', '[[sim:429 retry=1]]', '[[sim:429 ms=1]]', '[[sim:hang', '[[sim:unfinished]]', '[[sim:500 times=0.5]]', '[[sim:delay=600001]]'
]
for (const marker of notMarkers) {
  test(`simulator fault: ${marker} is no marker and is refused`, async t => {
    const answer = await chat(await simulatorFor(t), marker)
    t.is(answer.statusCode, 400)
    t.is((await errorOf(answer)).code, 'invalid_marker')
  })
}

test('simulator fault: rates hit about their share of the bodies, and a retry draws again', async t => {
  const simulator = await simulatorFor(t, { faults: [{ kind: '429', rate: 0.2, 'retry-after': 1 }, { kind: '500', rate: 0.1 }] })
  const count = 1000
  const failedFirst: number[] = []
  for (let index = 0; index < count; index++) {
    const answer = await chat(simulator, `Row ${index}`)
    await answer.body.dump()
    if (answer.statusCode !== 200) failedFirst.push(index)
  }
  const { by_status: byStatus } = simulator.stats()
  t.true(byStatus['429']! > 150 && byStatus['429']! < 250, String(byStatus['429']))
  t.true(byStatus['500']! > 60 && byStatus['500']! < 140, String(byStatus['500']))
  let failedAgain = 0
  for (const index of failedFirst) {
    const answer = await chat(simulator, `Row ${index}`)
    await answer.body.dump()
    if (answer.statusCode !== 200) failedAgain++
  }
  t.true(failedAgain > 0 && failedAgain < failedFirst.length / 2)
})

test('simulator fault: rates are set, read, limited to a model and cleared over HTTP', async t => {
  const simulator = await simulatorFor(t)
  const faults = [{ kind: '503', rate: 1, model: 'sim-slow', 'retry-after': 2 }]
  t.is((await post(simulator, '/_sim/faults', { faults })).statusCode, 200)
  t.deepEqual(await (await request(`${simulator.url}/_sim/faults`)).body.json(), { faults })
  const failed = await chat(simulator, 'Hello', { model: 'sim-slow' })
  t.is(failed.statusCode, 503)
  t.is(failed.headers['retry-after'], '2')
  t.is((await chat(simulator, 'Hello')).statusCode, 200)
  const wrong = await post(simulator, '/_sim/faults', { faults: [{ kind: '555', rate: 1 }] })
  t.is(wrong.statusCode, 400)
  t.true((await errorOf(wrong)).message.includes('555'))
  await post(simulator, '/_sim/faults', { faults: [] })
  t.is((await chat(simulator, 'Hello', { model: 'sim-slow' })).statusCode, 200)
})

test('simulator fault: a client that goes away while it waits is logged as aborted, with the usage it would have cost', async t => {
  const simulator = await simulatorFor(t, { latency: 60_000 })
  const controller = new AbortController()
  const call = request(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model: 'sim-fast', messages: [{ role: 'user', content: 'Hello' }] }),
    signal: controller.signal
  })
  call.catch(() => undefined)
  while (simulator.stats().running === 0) await wait(5)
  t.like(simulator.calls()[0], { outcome: 'running', finished_ms: null, model: 'sim-fast' })
  controller.abort()
  await t.throwsAsync(call, { any: true, name: 'AbortError' })
  while (simulator.stats().running === 1) await wait(5)
  const [logged] = simulator.calls()
  t.like(logged, { outcome: 'aborted', aborted: true, delivered: false, status: null })
  t.true(logged!.usage!.completion_tokens > 0)
  t.is(simulator.stats().usage.undelivered.completion_tokens, logged!.usage!.completion_tokens)
})
