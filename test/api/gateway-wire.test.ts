import Anthropic from '@anthropic-ai/sdk'
import test from 'ava'
import { call } from '../support/api.ts'
import { startUpstream, type Upstream } from '../lib/providers/_upstream.ts'
import { startGatewayApi, type GatewayApi } from './_gateway-api.ts'

let served: GatewayApi
/** What a provider's server said and got that the simulator does not say and keep. */
let vendor: Upstream
const received: Array<{ url: string, beta: unknown }> = []

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
const head = { id: 'cmpl-1', created: 1, model: 'any' }
/** Lets a stream that fails go on to its end. */
let goOn = (): void => {}

const messages = [{ role: 'user', content: 'Hi' }]
const surfaces: ReadonlyArray<readonly [path: string, body: object, clean: RegExp]> = [
  ['/v1/chat/completions', { messages }, /\[DONE\]/],
  ['/v1/messages', { messages, max_tokens: 10 }, /message_stop/],
  ['/v1/responses', { input: 'Hi', store: false }, /response\.completed/],
  ['/v1/completions', { prompt: 'Hi' }, /"finish_reason":"stop"/]
]

test.before(async () => {
  vendor = await startUpstream((request, response, body) => {
    received.push({ url: request.url!, beta: request.headers['anthropic-beta'] })
    if (request.url === '/claude/v1/messages') {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'any', content: [{ type: 'text', text: 'Yes' }], stop_reason: 'end_turn', usage: { input_tokens: 3, output_tokens: 2 } }))
      return
    }
    const { model, stream } = JSON.parse(body) as { model: string, stream?: boolean }
    const fails = model.startsWith('failing')
    const end = { index: 0, finish_reason: fails ? 'error' : 'stop' }
    const tier = model === 'tiered' ? { service_tier: 'priority' } : {}
    if (stream !== true) {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ ...head, ...tier, object: 'chat.completion', choices: [{ ...end, message: { role: 'assistant', content: 'Half' } }], usage }))
      return
    }
    const chunks = [{ index: 0, delta: { role: 'assistant', content: 'Half' }, finish_reason: null }, { ...end, delta: { content: '' } }]
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const texts = chunks.map(choice => `data: ${JSON.stringify({ ...head, ...tier, object: 'chat.completion.chunk', choices: [choice] })}\n\n`)
    response.write(texts[0])
    goOn = () => { response.end(`${texts[1]!}data: ${JSON.stringify({ ...head, choices: [], usage })}\n\ndata: [DONE]\n\n`) }
    if (!fails) goOn()
  })
  served = await startGatewayApi(0, () => [
    'providers:',
    `  - { name: claude, kind: anthropic, base_url: "${vendor.url}/claude/v1" }`,
    `  - { name: mistral, kind: mistral, base_url: "${vendor.url}/mistral/v1" }`,
    `  - { name: openai, kind: openai, base_url: "${vendor.url}/openai/v1" }`,
    'models:',
    '  - { id: claude, provider: claude, upstream: any }',
    // of one test each: a circuit that opens is no other's
    ...surfaces.map((_, place) => `  - { id: failing-${place}, provider: mistral, upstream: failing-${place}, max_attempts: 1 }`),
    '  - { id: tiered, provider: openai, upstream: tiered }',
    '  - { id: chatty, provider: openai, upstream: any }'
  ].join('\n'))
})
test.after.always(async () => {
  await served.close()
  await vendor.close()
})

const beta = 'context-1m-2025-08-07,files-api-2025-04-14'

test.serial('anthropic-beta goes on to a provider of Anthropic\'s dialect, on every way to it', async t => {
  const ask = async (path: string, body: object) => {
    received.length = 0
    const answer = await call(served.api, 'POST', path, { body, headers: { 'anthropic-beta': beta } })
    t.is(answer.status, 200, answer.text)
    return received.map(call => call.beta)
  }
  const body = { model: 'claude', max_tokens: 10, messages }
  t.deepEqual(await ask('/v1/messages', body), [beta], 'past Fastify')
  t.deepEqual(await ask('/v1/messages?beta=true', body), [beta], 'through Fastify')
  t.deepEqual(await ask('/v1/messages', { ...body, system: 'x'.repeat(2 ** 21) }), [beta], 'large')
  t.deepEqual(await ask('/v1/chat/completions', body), [undefined], 'another surface')
  t.deepEqual(await ask('/v1/messages', { ...body, model: 'chatty' }), [undefined], 'another dialect')
})

test.serial('the beta features that Anthropic\'s client asks for arrive', async t => {
  received.length = 0
  const client = new Anthropic({ baseURL: served.api.url, apiKey: served.api.key, authToken: null, maxRetries: 0 })
  const message = await client.beta.messages.create({ model: 'claude', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }], betas: ['context-1m-2025-08-07'] })
  t.like(message.content, [{ type: 'text', text: 'Yes' }])
  t.deepEqual(received, [{ url: '/claude/v1/messages', beta: 'context-1m-2025-08-07' }])
})

test.serial('an anthropic-beta that is too long is refused, and another is another answer to the cache', async t => {
  const ask = async (header: string, further: Record<string, string> = {}) =>
    await call(served.api, 'POST', '/v1/messages', { body: { model: 'claude', max_tokens: 10, messages }, headers: { 'anthropic-beta': header, ...further } })
  t.like(await ask('x'.repeat(1_001)), { status: 400, body: { error: { code: 'invalid_parameter' } } })
  const cache = { 'x-sira-cache': 'ttl=60' }
  t.is((await ask('one', cache)).headers.get('x-sira-cache'), 'miss')
  t.is((await ask('two', cache)).headers.get('x-sira-cache'), 'miss')
})

for (const [place, [path, fields, clean]] of surfaces.entries()) {
  test.serial(`an answer that its provider ended with finish_reason error is an error on ${path}`, async t => {
    const body = { model: `failing-${place}`, ...fields }
    t.like(await call(served.api, 'POST', path, { body }), { status: 502 })
    const answer = await fetch(served.api.url + path, {
      method: 'POST', headers: { authorization: `Bearer ${served.api.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ ...body, stream: true })
    })
    t.is(answer.status, 200)
    let text = ''
    let begun = false
    for await (const bytes of answer.body!) {
      text += Buffer.from(bytes).toString()
      if (begun || !text.includes('Half')) continue
      begun = true
      goOn()
    }
    t.true(begun)
    t.regex(text, /"code":"upstream_error"/)
    t.notRegex(text, clean)
  })
}

test.serial('a message says the tier that served it, whole and streamed', async t => {
  const body = { model: 'tiered', max_tokens: 10, messages }
  const whole = await call(served.api, 'POST', '/v1/messages', { body })
  t.is(whole.body.usage.service_tier, 'priority')
  const { text } = await call(served.api, 'POST', '/v1/messages', { body: { ...body, stream: true } })
  t.regex(text, /event: message_start\ndata: [^\n]*"service_tier":"priority"/)
})
