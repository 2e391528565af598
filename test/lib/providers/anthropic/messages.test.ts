import test from 'ava'
import { toClientError } from '../../../../lib/gateway/client-error.ts'
import { createAnthropic } from '../../../../lib/providers/anthropic/index.ts'
import type { Message, MessageEvent } from '../../../../lib/providers/anthropic/wire.ts'
import { ProviderFailure } from '../../../../lib/providers/types.ts'
import { startUpstream } from '../../../lib/providers/_upstream.ts'
import { configAt, requestOf, startProvider, streamOf } from './_provider.ts'

const body = { max_tokens: 500, messages: [{ role: 'user', content: 'Name a river.' }] }
const asking = (marker: string): Record<string, unknown> => ({ ...body, messages: [{ role: 'user', content: `Name a river. ${marker}` }] })
const endpoint = '/v1/messages'

test('anthropic messages: request and answer go through as they are, usage is read', async t => {
  const received: Array<{ body: string, version: unknown, key: unknown, path: unknown }> = []
  const answer = '{"id":"msg_1","type":"message","content":[],"future":12345678901234567890,\n "usage":{"input_tokens":3,"cache_read_input_tokens":4,"output_tokens":5}}'
  const upstream = await startUpstream((request, response, text) => {
    received.push({ body: text, version: request.headers['anthropic-version'], key: request.headers['x-api-key'], path: request.url })
    response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_1' }).end(answer)
  })
  const provider = createAnthropic(configAt(`${upstream.url}/v1`))
  t.teardown(async () => { await provider.close(); await upstream.close() })
  const request = requestOf({ ...body, future_field: true }, endpoint)
  const got = await provider.call(request)
  t.deepEqual(received, [{ body: String(request.body), version: '2023-06-01', key: 'sk-ant-test-0123456789abcdef', path: '/v1/messages' }])
  t.is(got.body, answer)
  t.is(got.requestId, 'req_1')
  t.deepEqual(got.usage, { inputTokens: 7, cachedInputTokens: 4, outputTokens: 5, reasoningTokens: 0 })
})

test('anthropic messages: a stream goes through with its names, pings included', async t => {
  const { provider, simulator } = await startProvider(t)
  const { events, outcome } = await streamOf(provider, body, endpoint)
  t.deepEqual(events.map(event => event.name), events.map(event => (JSON.parse(event.data) as MessageEvent).type!))
  t.is(events[0]!.name, 'message_start')
  t.true(events.some(event => event.name === 'ping'))
  t.is(events.at(-1)!.name, 'message_stop')
  t.is(outcome!.usageEvent, null)
  t.is(outcome!.usage!.outputTokens, simulator.calls()[0]!.usage!.completion_tokens)
})

test('anthropic messages: the answer of the simulator is a message', async t => {
  const { provider } = await startProvider(t)
  const message = JSON.parse((await provider.call(requestOf(body, endpoint))).body) as Message
  t.like(message, { type: 'message', role: 'assistant', model: 'sim-claude', stop_reason: 'end_turn' })
})

test('anthropic messages: overload, cut and unfinished streams fail with what was told of usage', async t => {
  const { provider } = await startProvider(t)
  for (const [marker, code] of [['stream-error', 'overloaded'], ['cut', 'answer_cut'], ['unfinished', 'answer_cut'], ['malformed', 'answer_invalid']] as const) {
    const { events, failure } = await streamOf(provider, asking(`[[sim:${marker}]]`), endpoint)
    t.is(failure!.class.code, code)
    t.true(failure!.partialUsage!.inputTokens > 0)
    t.true(events.length > 2 && events.every(event => event.name !== 'error' && event.name !== 'message_stop'))
  }
})

test('anthropic messages: an error after a 200 is a failure, as is a stream that is none', async t => {
  const bodies = ['{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', '<html>', '{"content":null}']
  const upstream = await startUpstream((_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(bodies.shift()) })
  const provider = createAnthropic(configAt(`${upstream.url}/v1`))
  t.teardown(async () => { await provider.close(); await upstream.close() })
  const failed = await t.throwsAsync(provider.call(requestOf(body, endpoint)), { instanceOf: ProviderFailure }) as ProviderFailure
  t.is(failed.class.code, 'overloaded')
  t.is((await streamOf(provider, body, endpoint)).failure!.class.code, 'overloaded')
  t.is((await streamOf(provider, body, endpoint)).failure!.class.code, 'answer_invalid')
  t.is((await t.throwsAsync(provider.call(requestOf(body, endpoint)), { instanceOf: ProviderFailure }) as ProviderFailure).class.code, 'answer_invalid')
})

test('anthropic messages: events without a name get one, as the SDK passes over those without', async t => {
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end('data: {"type":"message_start","message":{"usage":{"input_tokens":3,"output_tokens":1}}}\n\ndata: {"type":"message_stop"}\n\n')
  })
  const provider = createAnthropic(configAt(`${upstream.url}/v1`))
  t.teardown(async () => { await provider.close(); await upstream.close() })
  const { events, outcome } = await streamOf(provider, body, endpoint)
  t.deepEqual(events.map(event => event.name), ['message_start', 'message_stop'])
  t.is(outcome!.usage!.inputTokens, 3)
})

for (const [title, said] of [
  ['an account without credit', 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.'],
  ['an account at its own limit', 'You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC.']
] as const) {
  test(`anthropic messages: ${title} is no fault of the request: its credential rests and another answers`, async t => {
    const keys: unknown[] = []
    const upstream = await startUpstream((request, response) => {
      keys.push(request.headers['x-api-key'])
      const poor = request.headers['x-api-key'] === 'poor'
      response.writeHead(poor ? 400 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(poor ? { type: 'error', error: { type: 'invalid_request_error', message: said } } : { id: 'msg_1', type: 'message', content: [] }))
    })
    const provider = createAnthropic({ ...configAt(`${upstream.url}/v1`), credentials: [{ id: 'one', secret: 'poor' }, { id: 'two', secret: 'rich' }] })
    t.teardown(async () => { await provider.close(); await upstream.close() })
    const failed = await t.throwsAsync(provider.call(requestOf(body, endpoint)), { instanceOf: ProviderFailure }) as ProviderFailure
    t.like(failed.class, { code: 'quota_exceeded', retryable: true }, 'another credential may do')
    t.deepEqual(toClientError(failed).params, { reason: 'the quota or credit of the account there is used up.' })
    await provider.call(requestOf(body, endpoint))
    t.deepEqual(keys, ['poor', 'rich'])
  })
}

test('anthropic messages: a prompt that is too long is told apart from other bad requests', async t => {
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(400, { 'content-type': 'application/json' }).end('{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}')
  })
  const provider = createAnthropic(configAt(`${upstream.url}/v1`))
  t.teardown(async () => { await provider.close(); await upstream.close() })
  const failed = await t.throwsAsync(provider.call(requestOf(body, endpoint)), { instanceOf: ProviderFailure }) as ProviderFailure
  t.is(failed.class.code, 'context_length')
})
