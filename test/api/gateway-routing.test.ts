import test from 'ava'
import type { Simulator } from '../../local/simulator/simulator.ts'
import { newId } from '../../lib/ids.ts'
import { call, type Answer } from '../support/api.ts'
import { waitFor } from '../support/api-batch.ts'
import { createTestTenant } from '../support/tenant.ts'
import { startUpstream, type Upstream } from '../lib/providers/_upstream.ts'
import { provider, startGatewayApi, type GatewayApi } from './_gateway-api.ts'

/** Providers of one test each: a circuit that opens is no other test's. `a` is the first simulator's, `b` the second's. */
const names = ['plain', 'spread', 'ranked', 'retry', 'next', 'limits', 'safe', 'slow', 'allowed', 'rule'] as const

let served: GatewayApi
let one: Simulator
let two: Simulator
/** Takes only the credential `good`; at /narrow every prompt is too long. */
let strict: Upstream
const credentials: string[] = []

test.before(async () => {
  strict = await startUpstream((request, response, body) => {
    if (request.url!.startsWith('/rotated/')) credentials.push(request.headers.authorization ?? '')
    if (request.url!.startsWith('/narrow/')) {
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end('{"error":{"message":"This model has 8192 tokens of context","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}')
      return
    }
    if (request.headers.authorization !== 'Bearer good') {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}}')
      return
    }
    const { model } = JSON.parse(body) as { model: string }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({
      id: 'chatcmpl-1', object: 'chat.completion', created: 1, model, choices: [{ index: 0, message: { role: 'assistant', content: 'Yes' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 }
    }))
  })
  // read by the configuration's api_key_env
  const variables = { ROUTING_BAD_KEY: 'bad', ROUTING_GOOD_KEY: 'good' }
  served = await startGatewayApi(2, ([first, second]) => [
    'providers:',
    ...names.flatMap(name => [provider(`${name}-a`, 'openai', first!), provider(`${name}-b`, 'openai', second!)]),
    provider('claude', 'anthropic', second!),
    `  - { name: strict, kind: openai, base_url: "${strict.url}/rotated/v1", api_key_env: [ROUTING_BAD_KEY, ROUTING_GOOD_KEY], credential_use: first }`,
    `  - { name: lenient, kind: openai, base_url: "${strict.url}/lenient/v1", api_key_env: ROUTING_GOOD_KEY }`,
    `  - { name: narrow, kind: openai, base_url: "${strict.url}/narrow/v1" }`,
    'models:',
    '  - { id: spread, deployments: [{ provider: spread-a, upstream: sim-instant, weight: 3 }, { provider: spread-b, upstream: sim-instant, weight: 1 }] }',
    '  - { id: ranked, deployments: [{ provider: ranked-b, upstream: sim-instant, priority: 1 }, { provider: ranked-a, upstream: sim-instant, price: { input: 1, output: 1 } }] }',
    '  - { id: retry, provider: retry-a, upstream: sim-instant }',
    '  - { id: next, provider: next-a, upstream: sim-instant, max_attempts: 2, fallbacks: [next-other] }',
    '  - { id: next-other, provider: next-b, upstream: sim-fast, price: { input: 1, output: 1 } }',
    '  - { id: short, provider: narrow, upstream: any, context_fallbacks: [long], fallbacks: [wrong] }',
    '  - { id: long, provider: limits-b, upstream: sim-fast }',
    '  - { id: wrong, provider: limits-b, upstream: sim-instant }',
    '  - { id: careful, provider: safe-a, upstream: sim-instant, content_fallbacks: [lenient], fallbacks: [wrong] }',
    '  - { id: claude, provider: claude, upstream: sim-claude }',
    '  - { id: slow, timeout_ms: 200, deployments: [{ provider: slow-a, upstream: sim-instant }, { provider: slow-b, upstream: sim-instant, priority: 1 }], fallbacks: [wrong] }',
    '  - { id: slow-paid-twice, timeout_ms: 200, retry_after_timeout: true, deployments: [{ provider: slow-a, upstream: sim-fast }, { provider: slow-b, upstream: sim-fast, priority: 1 }] }',
    '  - { id: allowed, provider: allowed-a, upstream: sim-instant, max_attempts: 2, fallbacks: [allowed-other, allowed-third] }',
    '  - { id: allowed-other, provider: allowed-b, upstream: sim-instant }',
    '  - { id: allowed-third, provider: allowed-b, upstream: sim-fast }',
    '  - { id: drops, provider: claude, upstream: sim-claude, unsupported_parameters: drop }',
    '  - { id: strict, provider: strict, upstream: any }',
    '  - { id: lenient, provider: lenient, upstream: any }',
    '  - { id: plain, provider: plain-a, upstream: sim-instant }'
  ].join('\n'), variables)
  one = served.simulators[0]!
  two = served.simulators[1]!
})
test.after.always(async () => {
  await served.close()
  await strict.close()
})

async function ask (model: string, content: string, more: Record<string, unknown> = {}, options: { key?: string, headers?: Record<string, string> } = {}): Promise<Answer> {
  return await call(served.api, 'POST', '/v1/chat/completions', { body: { model, messages: [{ role: 'user', content }], ...more }, ...options })
}

const headersOf = ({ headers }: Answer) => ({ model: headers.get('x-sira-model'), deployment: headers.get('x-sira-deployment'), attempts: headers.get('x-sira-attempts') })

/** Calls of one request at each simulator. */
function callsOf ({ headers }: Answer): number[] {
  return [one, two].map(simulator => simulator.calls({ prefix: headers.get('x-request-id')! }).length)
}

// the same body fails at both simulators, each of which counts for itself
test('a request goes to another deployment when one fails, and the headers and the cost say which answered', async t => {
  const marker = '[[sim:500 times=1]] ranked'
  await call({ url: two.url, key: '' }, 'POST', '/v1/chat/completions', { body: JSON.stringify({ model: 'sim-instant', messages: [{ role: 'user', content: marker }] }) })
  const usual = await ask('ranked', 'hello')
  t.deepEqual(headersOf(usual), { model: 'ranked', deployment: 'ranked-a/sim-instant', attempts: '1' })
  t.true(Number(usual.headers.get('x-sira-cost')) > 0)
  const answer = await ask('ranked', marker)
  t.is(answer.status, 200)
  t.deepEqual(headersOf(answer), { model: 'ranked', deployment: 'ranked-b/sim-instant', attempts: '2' })
  t.deepEqual(callsOf(answer), [1, 1])
  t.is(answer.headers.get('x-sira-cost'), null, 'the price of the deployment that answered is unknown')
  await served.api.gateway.journal.flush()
  const { rows } = await served.api.pool.query('SELECT * FROM usage WHERE id = $1', [answer.headers.get('x-request-id')])
  t.is(rows.length, 1)
  t.like(rows[0], { deployment: 'ranked-b/sim-instant', provider: 'ranked-b', attempts: 2, status: 200, cost: null })
})

test('a stream that fails before its first event goes to another deployment', async t => {
  const marker = '[[sim:500 times=1]] streamed'
  await call({ url: two.url, key: '' }, 'POST', '/v1/chat/completions', {
    body: JSON.stringify({ model: 'sim-instant', messages: [{ role: 'user', content: marker }], stream: true, stream_options: { include_usage: true } })
  })
  const answer = await ask('ranked', marker, { stream: true, stream_options: { include_usage: true } })
  t.is(answer.status, 200)
  t.deepEqual(headersOf(answer), { model: 'ranked', deployment: 'ranked-b/sim-instant', attempts: '2' })
  t.true(answer.text.endsWith('data: [DONE]\n\n'))
})

// 3 : 1 while both are as quick; on a busy machine one may look slow for the whole test, and then gets what it was drawn twice for: 9 of 16, or 1 of 16.
// Beyond these bounds by chance in three of a million runs. How the shares follow the weights: test/lib/gateway/deployment-health.test.ts
test('deployments of one priority share the requests by their weights', async t => {
  const count = 200
  let first = 0
  for (let number = 0; number < count; number++) if (headersOf(await ask('spread', `spread ${number}`)).deployment === 'spread-a/sim-instant') first += 1
  t.true(first > 78 && first < count, `${first} of ${count}`)
})

test('Retry-After of the only deployment is waited for within the client\'s patience, else told at once', async t => {
  const patient = await ask('retry', '[[sim:429 times=1 retry-after=0.3]] patient')
  t.is(patient.status, 200)
  t.is(headersOf(patient).attempts, '2')
  const [refused, answered] = one.calls({ prefix: patient.headers.get('x-request-id')! })
  t.is(refused!.status, 429)
  t.true(answered!.started_ms - refused!.started_ms >= 299, `${answered!.started_ms - refused!.started_ms}`)

  const startedAt = performance.now()
  const impatient = await ask('retry', '[[sim:429 times=1 retry-after=30]] impatient', {}, { headers: { 'x-stainless-timeout': '5' } })
  t.true(performance.now() - startedAt < 4_000)
  t.is(impatient.status, 429)
  t.is(impatient.headers.get('retry-after'), '30')
  t.deepEqual(callsOf(impatient), [1, 0])
})

test('when all deployments of a model fail, its fallback answers, under its own name and price', async t => {
  const marker = '[[sim:401 times=1]] next'
  await call({ url: two.url, key: '' }, 'POST', '/v1/chat/completions', { body: JSON.stringify({ model: 'sim-fast', messages: [{ role: 'user', content: marker }] }) })
  const answer = await ask('next', marker)
  t.is(answer.status, 200)
  t.deepEqual(headersOf(answer), { model: 'next-other', deployment: 'next-b/sim-fast', attempts: '2' })
  t.true(Number(answer.headers.get('x-sira-cost')) > 0)
})

test('a request that is at fault is sent once and goes nowhere else', async t => {
  const answer = await ask('next', '[[sim:400]] wrong')
  t.is(answer.status, 400)
  t.deepEqual(callsOf(answer), [1, 0])
})

test('a prompt that is too long for a model goes to its context fallback only', async t => {
  const answer = await ask('short', 'too long')
  t.is(answer.status, 200)
  t.deepEqual(headersOf(answer), { model: 'long', deployment: 'limits-b/sim-fast', attempts: '2' })
})

test('content that a provider refuses goes to the content fallback only', async t => {
  const answer = await ask('careful', '[[sim:safety]] careful')
  t.is(answer.status, 200)
  t.deepEqual(headersOf(answer), { model: 'lenient', deployment: 'lenient/any', attempts: '2' })
})

test('content that no model takes is refused as such', async t => {
  const answer = await ask('plain', '[[sim:safety]] plain')
  t.is(answer.status, 400)
  t.is(answer.body.error.code, 'content_filtered')
  t.deepEqual(callsOf(answer), [1, 0])
})

// by the attempts, and not by the first simulator's log: on a busy machine the 200 ms may be over before the call has arrived there
test('a call that timed out is not made a second time, nowhere, unless the model allows it', async t => {
  const answer = await ask('slow', '[[sim:hang]] once')
  t.is(answer.status, 504)
  t.is(answer.body.error.code, 'upstream_timeout')
  t.is(headersOf(answer).attempts, '1')
  t.is(callsOf(answer)[1], 0)
  const twice = await ask('slow-paid-twice', '[[sim:hang]] twice')
  t.is(twice.status, 504)
  t.is(headersOf(twice).attempts, '2')
})

test('a model\'s fallbacks are tried only as far as the key may use them', async t => {
  const { key, caller } = await createTestTenant(served.api.pool)
  await served.api.pool.query("UPDATE api_key SET models = '{allowed,allowed-third}' WHERE id = $1", [caller.keyId])
  await served.api.control.refresh()
  const marker = '[[sim:401 times=1]] allowed'
  await call({ url: two.url, key: '' }, 'POST', '/v1/chat/completions', { body: JSON.stringify({ model: 'sim-fast', messages: [{ role: 'user', content: marker }] }) })
  const answer = await ask('allowed', marker, {}, { key })
  t.is(answer.status, 200)
  t.is(headersOf(answer).model, 'allowed-third')
  const refused = await ask('allowed-other', 'hello', {}, { key })
  t.is(refused.status, 403)
  t.is(refused.body.error.code, 'model_not_allowed')
})

test('a parameter that the target cannot do is refused by name, or left out when the request or the model says so', async t => {
  const more = { logprobs: true, frequency_penalty: 1 }
  const refused = await ask('claude', 'hello', more)
  t.is(refused.status, 400)
  t.is(refused.body.error.code, 'unsupported_parameter')
  t.true(Object.keys(more).includes(refused.body.error.param))
  t.deepEqual(callsOf(refused), [0, 0])
  for (const answer of [await ask('claude', 'hello', more, { headers: { 'x-sira-unsupported-params': 'drop' } }), await ask('drops', 'hello', more)]) {
    t.is(answer.status, 200)
    t.deepEqual(answer.headers.get('x-sira-dropped-params')!.split(',').sort(), ['frequency_penalty', 'logprobs'])
  }
  t.is((await ask('drops', 'hello', more, { headers: { 'x-sira-unsupported-params': 'refuse' } })).status, 400)
  t.is((await ask('claude', 'hello', {}, { headers: { 'x-sira-unsupported-params': 'maybe' } })).status, 400)
})

test('a preset is known by its name once it is saved, gives what the request does not say, and is its project\'s own', async t => {
  const { organizationId, projectId } = served.api.caller
  await served.api.pool.query('INSERT INTO preset (id, organization_id, project_id, name, parameters) VALUES ($1, $2, $3, $4, $5)', [
    newId('preset'), organizationId, projectId, 'brief', JSON.stringify({ max_tokens: 3, temperature: 0 })
  ])
  let answer = await ask('plain', 'hello', { preset: 'brief' })
  await waitFor(async () => {
    if (answer.status !== 200) answer = await ask('plain', 'hello', { preset: 'brief' })
    return answer.status === 200
  })
  t.is(answer.body.choices[0].finish_reason, 'length')
  t.is(answer.body.usage.completion_tokens, 3)
  t.is((await ask('plain', 'hello', { preset: 'brief', max_tokens: 100 })).body.choices[0].finish_reason, 'stop', 'what the request says goes first')
  const { key } = await createTestTenant(served.api.pool)
  const foreign = await ask('plain', 'hello', { preset: 'brief' }, { key })
  t.is(foreign.status, 400)
  t.is(foreign.body.error.param, 'preset')
})

test('a credential that the provider refuses is rested, the next one answers, and no caller learns of it', async t => {
  const first = await ask('strict', 'hello')
  t.is(first.status, 200)
  t.deepEqual(credentials, ['Bearer bad', 'Bearer good'])
  const second = await ask('strict', 'hello')
  t.is(second.status, 200)
  t.deepEqual(credentials, ['Bearer bad', 'Bearer good', 'Bearer good'])
  for (const answer of [first, second]) t.false(JSON.stringify([answer.body, [...answer.headers]]).includes('bad'))
})
