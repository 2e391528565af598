import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import test from 'ava'
import type { GatewayRequest } from '../../lib/contracts/gateway.ts'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { budgetPeriodStart } from '../../lib/domain/budget-period.ts'
import { serve } from '../../lib/gateway/serve.ts'
import { newId } from '../../lib/ids.ts'
import { call } from '../support/api.ts'
import { createTestTenant } from '../support/tenant.ts'
import { provider, startGatewayApi, type GatewayApi } from './_gateway-api.ts'

let served: GatewayApi
/** A provider that answers with what is in `strangeAnswers` under the name of the model, and never where nothing is: then it emits that name. */
let strange: Server
const strangeAnswers = new Map<string, string>()

test.before(async () => {
  strange = createServer((request, response) => {
    let text = ''
    request.on('data', piece => { text += piece }).on('end', () => {
      const { model, stream } = JSON.parse(text) as { model: string, stream?: boolean }
      response.setHeader('content-type', stream === true ? 'text/event-stream' : 'application/json')
      const answer = strangeAnswers.get(model)
      if (answer === undefined) strange.emit(model)
      else response.end(answer)
    })
  })
  await new Promise<void>(resolve => { strange.listen(0, '127.0.0.1', resolve) })
  served = await startGatewayApi(1, ([simulator]) => [
    'providers:',
    provider('one', 'openai', simulator!),
    provider('two', 'openai', simulator!),
    provider('three', 'openai', simulator!),
    `  - { name: strange, kind: groq, base_url: "http://127.0.0.1:${(strange.address() as AddressInfo).port}/v1" }`,
    `  - { name: narrow, kind: groq, base_url: "http://127.0.0.1:${(strange.address() as AddressInfo).port}/v1", max_concurrency: 1 }`,
    'models:',
    '  - { id: patient, provider: narrow, price: { input: 1, output: 1 } }',
    '  - { id: hurried, provider: narrow, timeout_ms: 200, price: { input: 1, output: 1 } }',
    '  - { id: silent, provider: strange, timeout_ms: 200, price: { input: 1, output: 1 } }',
    ...['odd', 'broken', 'whole', 'last'].map(id => `  - { id: ${id}, provider: strange, price: { input: 1, output: 1 } }`),
    '  - { id: chat, provider: one, upstream: sim-instant, price: { input: 1, output: 1 } }',
    '  - { id: embed, provider: one, upstream: sim-embed, price: { input: 1000 } }',
    '  - { id: missing, provider: one, upstream: sim-nothing, price: { input: 1, output: 1 } }',
    '  - { id: uneven, deployments: [{ provider: two, upstream: sim-nothing, price: { input: 0.001, output: 0.001 } }, { provider: three, upstream: sim-instant, priority: 1, price: { input: 1000, output: 1000 } }] }',
    '  - { id: fallen, provider: two, upstream: sim-nothing, fallbacks: [dear], price: { input: 0.001, output: 0.001 } }',
    '  - { id: dear, provider: three, upstream: sim-instant, price: { input: 1000, output: 1000 } }'
  ].join('\n'))
})
test.after.always(async () => {
  await served.close()
  strange.closeAllConnections()
  strange.close()
})

interface Tenant { readonly caller: Caller, readonly key: string, readonly spent: () => Promise<bigint> }

/** A tenant with a hard budget of so many pico-USD, and room for so many requests at once; null = any. */
async function tenantWith (amount: bigint, concurrency: number | null = null): Promise<Tenant> {
  const { pool, control, gateway } = served.api
  const { caller, key } = await createTestTenant(pool)
  const { organizationId } = caller
  const budget = newId('budget')
  await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount, hard, thresholds) VALUES ($1, $2, 'organization', $2, 'total', $3, true, '{}')", [budget, organizationId, amount.toString()])
  if (concurrency !== null) {
    await pool.query("INSERT INTO usage_limit (id, organization_id, subject_kind, subject_id, concurrency) VALUES ($1, $2, 'organization', $2, $3)", [newId('limit'), organizationId, concurrency])
  }
  await control.refresh()
  return {
    caller,
    key,
    async spent () {
      await gateway.journal.flush()
      const { rows } = await pool.query<{ spent: string }>('SELECT coalesce(sum(spent), 0) AS spent FROM budget_period WHERE budget_id = $1', [budget])
      return BigInt(rows[0]!.spent)
    }
  }
}

function request (caller: Caller, body: Record<string, unknown>, changes: Partial<GatewayRequest> = {}): GatewayRequest {
  const startedAt = performance.now()
  return {
    id: newId('request'), caller, endpoint: '/v1/chat/completions', text: JSON.stringify(body), body, createdAt: Date.now(), startedAt, deadline: startedAt + 20_000,
    signal: new AbortController().signal, cache: { mode: 'off', ttlSeconds: null }, traceparent: undefined, unsupported: null, ...changes
  }
}

test('a budget holds for embeddings whose model has no price of output, which they never have', async t => {
  const amount = 20_000_000_000n
  const { key, spent } = await tenantWith(amount)
  const ask = async () => await call(served.api, 'POST', '/v1/embeddings', { key, body: { model: 'embed', input: 'some twenty letters.' } })
  const { body: { usage }, status, text } = await ask()
  t.is(status, 200, text)
  const each = BigInt(usage.prompt_tokens) * 1_000_000_000n
  t.true(each < amount)
  let answer
  // one after the other, each when the last is in the books
  for (let paid = each; paid < 2n * amount && answer?.body.error === undefined; paid += each) {
    await spent()
    answer = await ask()
  }
  t.is(answer?.body.error?.code, 'budget_exceeded')
  t.true(await spent() < amount + each)
})

for (const model of ['uneven', 'fallen']) {
  test(`a budget is not overspent by requests that go on to a dearer deployment: ${model}`, async t => {
    const amount = 60_000_000_000n
    // of some 30 tokens at 1,000 USD a million
    const each = 50_000_000_000n
    const { key, spent } = await tenantWith(amount)
    const answers = await Promise.all(Array.from({ length: 12 }, async (_, number) => await call(served.api, 'POST', '/v1/chat/completions', {
      key, body: { model, messages: [{ role: 'user', content: `hello ${number}` }], max_tokens: 20 }
    })))
    t.true(answers.some(answer => answer.status === 200), answers[0]!.text)
    for (const answer of answers) if (answer.status === 200) t.true(Number(answer.headers.get('x-sira-cost')) * 1e12 <= Number(each))
    const all = await spent()
    t.true(all > 0n)
    t.true(all < amount + each, `${all} of ${amount}`)
  })
}

test('what a request held is free again when its usage cannot be written down', async t => {
  const { caller, key } = await tenantWith(10_000_000_000n, 1)
  const { gateway } = served.api
  const full = { ...gateway, journal: { ...gateway.journal, append () { throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }) } } }
  const body = { model: 'chat', messages: [{ role: 'user', content: 'hello' }], max_tokens: 20 }
  const reply = { begin () {}, write: () => true }
  await t.throwsAsync(async () => await serve(full, request(caller, body), null), { code: 'ENOSPC' })
  await t.throwsAsync(async () => await serve(full, request(caller, { ...body, stream: true }), reply), { code: 'ENOSPC' })
  await t.throwsAsync(async () => await serve(full, request(caller, { ...body, model: 'missing' }), null), { code: 'ENOSPC' })
  const answer = await call(served.api, 'POST', '/v1/chat/completions', { key, body })
  t.is(answer.status, 200, answer.text)
})

test('a request pays from the period in which it came, and not from that in which it reserves', async t => {
  const { pool, control, gateway } = served.api
  const { caller } = await createTestTenant(pool)
  const budget = newId('budget')
  await pool.query("INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount, hard, thresholds) VALUES ($1, $2, 'organization', $2, 'day', 1000000000000, true, '{}')", [budget, caller.organizationId])
  await control.refresh()
  const yesterday = budgetPeriodStart('day', Date.now()) - 1
  await serve(gateway, request(caller, { model: 'chat', messages: [{ role: 'user', content: 'hello' }], max_tokens: 20 }, { createdAt: yesterday }), null)
  await gateway.journal.flush()
  for (const table of ['budget_lease', 'budget_period']) {
    const { rows } = await pool.query<{ period_start: Date }>(`SELECT period_start FROM ${table} WHERE budget_id = $1`, [budget])
    t.deepEqual(rows.map(row => row.period_start.getTime()), [budgetPeriodStart('day', yesterday)], table)
  }
})

test('a client that has left before anything was sent to a provider is not billed', async t => {
  const { pool, gateway } = served.api
  const { caller } = await createTestTenant(pool)
  const asked = request(caller, { model: 'chat', messages: [{ role: 'user', content: 'hello' }] }, { signal: AbortSignal.abort() })
  await t.throwsAsync(async () => await serve(gateway, asked, null), { code: 'upstream_error' })
  await gateway.journal.flush()
  const { rows } = await pool.query('SELECT * FROM usage WHERE id = $1', [asked.id])
  t.is(rows.length, 1)
  t.like(rows[0], { status: 499, error_code: 'client_gone', attempts: 0, input_tokens: 0, cost: 0, flags: 0 })
})

const said = (choice: object): string => JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, finish_reason: null, ...choice }] })
const usage = { prompt_tokens: 7, completion_tokens: 9, total_tokens: 16 }
const sse = (chunks: readonly string[]): string => chunks.map(chunk => `data: ${chunk}\n\n`).join('')
/** Surfaces that a provider of chat serves by translation, with what a request asks of each. */
const translated = [
  ['/v1/messages', { max_tokens: 50, messages: [{ role: 'user', content: 'hello' }] }],
  ['/v1/responses', { input: 'hello', store: false }],
  ['/v1/completions', { prompt: 'hello' }]
] as const

async function usageOf ({ caller }: Tenant): Promise<Record<string, unknown>> {
  await served.api.gateway.journal.flush()
  const { rows } = await served.api.pool.query('SELECT * FROM usage WHERE organization_id = $1', [caller.organizationId])
  return rows.length === 1 ? rows[0] : { rows: rows.length }
}

for (const [path, body] of translated) {
  test(`a chunk without a choice's delta, or without choices, is passed over: ${path}`, async t => {
    const tenant = await tenantWith(10n ** 12n)
    // as Azure's asynchronous content filter sends
    strangeAnswers.set('odd', sse([
      said({ delta: { role: 'assistant', content: 'Hello' } }), said({ content_filter_offsets: { check_offset: 1 } }), '{"id":"chatcmpl-1","object":"chat.completion.chunk"}', '{"choices":[{"index":0,"delta":null}]}',
      said({ delta: { content: ' there.' } }), said({ delta: {}, finish_reason: 'stop' }), JSON.stringify({ id: 'chatcmpl-1', choices: [], usage }), '[DONE]'
    ]))
    const { text } = await call(served.api, 'POST', path, { key: tenant.key, body: { ...body, model: 'odd', stream: true } })
    t.regex(text, / there\./)
    t.notRegex(text, /error"?:(?! ?null)/)
    t.like(await usageOf(tenant), { status: 200, error_code: null, input_tokens: 7, output_tokens: 9, cost: 16_000_000 })
  })
}

for (const [path, body] of translated) {
  test(`a stream that breaks while it is translated is billed by what came, and ends with an error: ${path}`, async t => {
    const tenant = await tenantWith(10n ** 12n)
    strangeAnswers.set('broken', sse([said({ delta: { role: 'assistant', content: 'Hello' } }), said({ delta: { content: ' there.' } }), '{"id":"chatcmpl-1","choices":[null]}']))
    const { status, text } = await call(served.api, 'POST', path, { key: tenant.key, body: { ...body, model: 'broken', stream: true } })
    t.is(status, 200)
    t.regex(text, / there\.[^]*The provider's answer is not valid/)
    const row = await usageOf(tenant)
    t.like(row, { status: 502, error_code: 'upstream_error', attempts: 1 })
    t.true(Number(row.input_tokens) > 0 && Number(row.output_tokens) > 0 && Number(row.cost) > 0)
    t.is(await tenant.spent(), BigInt(row.cost as number))
  })
}

for (const [path, body] of translated) {
  test(`an answer that cannot be translated is billed, and is the provider's fault: ${path}`, async t => {
    const tenant = await tenantWith(10n ** 12n)
    strangeAnswers.set('whole', JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion', choices: [{ index: 0, finish_reason: 'stop' }], usage }))
    const answer = await call(served.api, 'POST', path, { key: tenant.key, body: { ...body, model: 'whole' } })
    t.is(answer.status, 502, answer.text)
    t.regex(answer.text, /The provider's answer is not valid/)
    t.like(await usageOf(tenant), { status: 502, error_code: 'upstream_error', input_tokens: 7, output_tokens: 9, cost: 16_000_000 })
  })
}

for (const stream of [false, true]) {
  test(`a call that timed out is billed its prompt, as one whose client left: the provider was at work on it${stream ? ', also for a stream' : ''}`, async t => {
    const tenant = await tenantWith(10n ** 12n)
    const answer = await call(served.api, 'POST', '/v1/chat/completions', { key: tenant.key, body: { model: 'silent', messages: [{ role: 'user', content: 'hello' }], stream } })
    t.is(answer.body.error.code, 'upstream_timeout', answer.text)
    const row = await usageOf(tenant)
    t.like(row, { status: 504, error_code: 'upstream_timeout', attempts: 1, output_tokens: 0 })
    t.true(Number(row.input_tokens) > 0)
    t.is(await tenant.spent(), BigInt(row.input_tokens as number) * 1_000_000n)
  })
}

test('a call that waited for a connection until its time was over, or its client left, was never sent and is not billed', async t => {
  const [first, second, third] = [await tenantWith(10n ** 12n), await tenantWith(10n ** 12n), await tenantWith(10n ** 12n)]
  const body = { model: 'patient', messages: [{ role: 'user', content: 'hello' }] }
  const leaving = [new AbortController(), new AbortController()] as const
  const holding = serve(served.api.gateway, request(first.caller, body, { signal: leaving[0].signal }), null)
  await once(strange, 'patient') // the only connection there may be
  const waiting = serve(served.api.gateway, request(second.caller, body, { signal: leaving[1].signal }), null)
  const late = await call(served.api, 'POST', '/v1/chat/completions', { key: third.key, body: { ...body, model: 'hurried' } })
  t.is(late.body.error.code, 'upstream_timeout', late.text)
  leaving[1].abort()
  await t.throwsAsync(waiting)
  leaving[0].abort()
  await t.throwsAsync(holding)
  t.like(await usageOf(first), { status: 499, error_code: 'client_gone' })
  t.true(await first.spent() > 0n)
  t.like(await usageOf(second), { status: 499, error_code: 'client_gone', input_tokens: 0, cost: 0 })
  t.like(await usageOf(third), { status: 504, error_code: 'upstream_timeout', input_tokens: 0, cost: 0 })
})

test('a stream whose last event cannot be translated is billed by what the provider told, and ends with an error', async t => {
  const tenant = await tenantWith(10n ** 12n)
  strangeAnswers.set('last', sse([said({ delta: { content: 'Hello' } }), said({ delta: {}, finish_reason: 'stop' }), JSON.stringify({ id: 5, choices: [], usage }), '[DONE]']))
  const { text } = await call(served.api, 'POST', '/v1/completions', { key: tenant.key, body: { model: 'last', prompt: 'hello', stream: true, stream_options: { include_usage: true } } })
  t.regex(text, /Hello[^]*The provider's answer is not valid/)
  t.like(await usageOf(tenant), { status: 502, error_code: 'upstream_error', input_tokens: 7, output_tokens: 9, cost: 16_000_000 })
})
