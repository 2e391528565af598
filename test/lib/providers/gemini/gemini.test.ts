import type { ServerResponse } from 'node:http'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { ChatChunk, ChatCompletion, ChatMessage, ChatRequest } from '../../../../lib/contracts/chat.ts'
import { SiraError } from '../../../../lib/errors.ts'
import { createGemini } from '../../../../lib/providers/gemini/index.ts'
import { ProviderFailure } from '../../../../lib/providers/types.ts'
import type { Provider, ProviderRequest, ProviderStreamRequest, StreamOutcome } from '../../../../lib/providers/types.ts'
import { startSimulator } from '../../../../local/simulator/simulator.ts'
import type { Simulator } from '../../../../local/simulator/simulator.ts'
import { providerAt, startUpstream, withKeys } from '../_upstream.ts'
import type { Upstream } from '../_upstream.ts'

const secret = 'AIzaSyTheKeyOfTheAccount'

function geminiAt (t: ExecutionContext, url: string): Provider {
  const provider = createGemini(providerAt(url, { kind: 'gemini', baseUrl: `${url}/v1beta`, ...withKeys(secret) }))
  t.teardown(provider.close)
  return provider
}

async function simulated (t: ExecutionContext): Promise<{ provider: Provider, simulator: Simulator }> {
  const simulator = await startSimulator({ latency: 0, streamInterval: 0 })
  t.teardown(simulator.close)
  return { provider: geminiAt(t, `${simulator.url}/gemini`), simulator }
}

/** A server that answers every call with what `handle` says. */
async function answering (t: ExecutionContext, handle: (response: ServerResponse) => void): Promise<{ provider: Provider, upstream: Upstream }> {
  const upstream = await startUpstream((_request, response) => { handle(response) })
  t.teardown(upstream.close)
  return { provider: geminiAt(t, upstream.url), upstream }
}

function sse (...frames: string[]): (response: ServerResponse) => void {
  return response => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(frames.join(''))
  }
}

function requestFor (content: string, fields: Partial<ChatRequest> = {}): ProviderRequest {
  const messages: ChatMessage[] = [{ role: 'user', content }]
  const parsed = { model: 'sim-gemini', messages, ...fields }
  return { endpoint: '/v1/chat/completions', body: JSON.stringify(parsed), clientRequestId: 'req_1:1', timeout: 5_000, maxAnswerBytes: 1_000_000 }
}

async function complete (provider: Provider, content: string, fields: Partial<ChatRequest> = {}): Promise<ChatCompletion> {
  return JSON.parse((await provider.call(requestFor(content, fields))).body) as ChatCompletion
}

interface Streamed {
  readonly chunks: ChatChunk[]
  readonly outcome: StreamOutcome
}

async function streamed (provider: Provider, content: string, fields: Partial<ChatRequest> = {}, chunks: ChatChunk[] = []): Promise<Streamed> {
  const request: ProviderStreamRequest = {
    ...requestFor(content, { stream: true, ...fields }),
    idleTimeout: 5_000,
    sink: {
      events (events) {
        for (const { data } of events) chunks.push(JSON.parse(data) as ChatChunk)
        return true
      }
    }
  }
  return { chunks, outcome: await provider.stream(request) }
}

function textOf (chunks: readonly ChatChunk[]): string {
  return chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')
}

async function failureOf (t: ExecutionContext, call: Promise<unknown>): Promise<ProviderFailure> {
  return await t.throwsAsync(call, { instanceOf: ProviderFailure })
}

const weather = {
  type: 'function' as const,
  function: { name: 'weather', parameters: { $schema: 'x', type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } }
}

test('gemini: a chat completion, its usage as the provider bills it, its key in its own header', async t => {
  const { provider, simulator } = await simulated(t)
  const answer = await provider.call(requestFor('Hello', { reasoning_effort: 'high', messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hello' }] }))
  const completion = JSON.parse(answer.body) as ChatCompletion
  t.like(completion, { object: 'chat.completion', model: 'sim-gemini', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', reasoning_content: 'Simulated thinking about it.' } }] })
  t.regex(completion.choices[0]!.message.content!, /^Simulated answer /)
  const [call] = simulator.calls()
  t.like(call, { path: '/gemini/v1beta/models/sim-gemini:generateContent', model: 'sim-gemini', client_request_id: 'req_1:1', outcome: 'answered', stream: false })
  t.truthy(call?.authorization)
  t.is(call?.request_id, answer.requestId as string)
  t.true(answer.usage!.reasoningTokens > 0)
  t.is(answer.usage!.inputTokens, call!.usage!.prompt_tokens)
  t.is(answer.usage!.outputTokens, call!.usage!.completion_tokens)
  t.is(completion.usage!.total_tokens, answer.usage!.inputTokens + answer.usage!.outputTokens)
})

test('gemini: a stream says the same as the answer as a whole', async t => {
  const { provider, simulator } = await simulated(t)
  const { chunks, outcome } = await streamed(provider, 'Hello')
  t.regex(textOf(chunks), /^Simulated answer /)
  t.deepEqual(chunks[0]?.choices, [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }])
  t.deepEqual(chunks.map(chunk => chunk.choices[0]!.finish_reason).filter(reason => reason !== null), ['stop'])
  t.is(chunks.at(-1)!.choices[0]!.finish_reason, 'stop')
  const [call] = simulator.calls()
  t.like(call, { stream: true, outcome: 'answered', delivered: true })
  t.like(outcome, { requestId: call!.request_id, usage: { inputTokens: call!.usage!.prompt_tokens, outputTokens: call!.usage!.completion_tokens } })
  t.like(JSON.parse(outcome.usageEvent!), { object: 'chat.completion.chunk', choices: [], usage: { completion_tokens: call!.usage!.completion_tokens } })
})

for (const stream of [false, true]) {
  test(`gemini: parallel calls and their results go around with what OpenAI's clients keep${stream ? ', streamed' : ''}`, async t => {
    const { provider } = await simulated(t)
    const question = 'How is it in both? [[sim:tools=2]]'
    const calls = stream
      ? (await streamed(provider, question, { tools: [weather] })).chunks.flatMap(chunk => chunk.choices[0]?.delta.tool_calls ?? [])
      : (await complete(provider, question, { tools: [weather] })).choices[0]!.message.tool_calls!
    t.is(calls.length, 2)
    // id, name and arguments; extra_content is gone
    const kept = calls.map(call => ({ id: call.id!, type: 'function' as const, function: { name: call.function!.name!, arguments: call.function!.arguments! } }))
    t.deepEqual(kept.map(call => call.function), [{ name: 'weather', arguments: '{"city":"simulated"}' }, { name: 'weather', arguments: '{"city":"simulated"}' }])
    const messages: ChatMessage[] = [
      { role: 'user', content: question },
      { role: 'assistant', content: null, tool_calls: kept },
      ...kept.map(({ id }) => ({ role: 'tool' as const, tool_call_id: id, content: 'sun' })).reverse()
    ]
    const answer = await complete(provider, '', { messages, tools: [weather] })
    t.is(answer.choices[0]!.finish_reason, 'stop')
    // the simulator knows its own signatures: another one is refused
    const forged = kept.map((call, index) => index === 0 ? { ...call, id: call.id.replace(/__sig_.*/, '__sig_AAAA') } : call)
    const refused = messages.map((message, index) => index === 1 ? { ...message, tool_calls: forged } : { ...message, ...(index === 3 && { tool_call_id: forged[0]!.id }) })
    t.like(await failureOf(t, provider.call(requestFor('', { messages: refused, tools: [weather] }))), { class: { code: 'invalid_request' }, statusCode: 400 })
  })
}

test('gemini: a conversation that began with another provider goes on', async t => {
  const { provider } = await simulated(t)
  const messages: ChatMessage[] = [
    { role: 'user', content: 'Weather?' },
    { role: 'assistant', content: null, tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Ulm"}' } }] },
    { role: 'tool', tool_call_id: 'toolu_1', content: 'sun' }
  ]
  t.is((await complete(provider, '', { messages, tools: [weather] })).choices[0]!.finish_reason, 'stop')
})

test('gemini: a forced tool is called, and none is where none may be', async t => {
  const { provider } = await simulated(t)
  const forced = await complete(provider, 'Hello', { tools: [weather], tool_choice: { type: 'function', function: { name: 'weather' } } })
  t.is(forced.choices[0]!.finish_reason, 'tool_calls')
  const none = await complete(provider, 'Hello [[sim:tool]]', { tools: [weather], tool_choice: 'none' })
  t.is(none.choices[0]!.finish_reason, 'stop')
})

test('gemini: structured output by a schema with everything in it', async t => {
  const { provider } = await simulated(t)
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    definitions: { city: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } },
    type: 'object',
    properties: { city: { $ref: '#/definitions/city', description: 'Where' }, kind: { const: 'report' }, rain: { type: ['boolean', 'null'] } },
    required: ['city', 'kind', 'rain'],
    additionalProperties: false
  }
  const { choices } = await complete(provider, 'Report', { response_format: { type: 'json_schema', json_schema: { name: 'report', strict: true, schema } } })
  t.like(JSON.parse(choices[0]!.message.content!), { kind: 'report', rain: true })
  t.regex((JSON.parse(choices[0]!.message.content!) as { city: { name: string } }).city.name, /^Simulated/)
})

test('gemini: a limit on tokens is finish_reason length, n gives n choices', async t => {
  const { provider } = await simulated(t)
  const { choices } = await complete(provider, 'Hello', { max_tokens: 3, n: 2 })
  t.deepEqual(choices.map(({ index, finish_reason: reason }) => [index, reason]), [[0, 'length'], [1, 'length']])
})

for (const stream of [false, true]) {
  test(`gemini: a blocked prompt is a content_filter failure with its usage${stream ? ', streamed' : ''}`, async t => {
    const { provider } = await simulated(t)
    const call = stream ? streamed(provider, 'Evil [[sim:safety]]') : complete(provider, 'Evil [[sim:safety]]')
    const failure = await failureOf(t, call)
    t.like(failure, { class: { code: 'content_filter', retryable: false }, partialUsage: { outputTokens: 0 } })
    t.true(failure.partialUsage!.inputTokens > 0)
  })
}

const statuses: ReadonlyArray<readonly [marker: string, code: string, retryable: boolean, retryAfter: number | null]> = [
  ['400', 'invalid_request', false, null],
  ['401', 'authentication', false, null],
  ['403', 'permission', false, null],
  ['404', 'not_found', false, null],
  ['429', 'rate_limited', true, null],
  ['429 retry-after=1.5', 'rate_limited', true, 1500],
  ['429-quota', 'quota_exceeded', false, null],
  ['500', 'server_error', true, null],
  ['502', 'server_error', true, null],
  ['503 retry-after=2', 'overloaded', true, 2000]
]
for (const [marker, code, retryable, retryAfter] of statuses) {
  test(`gemini: [[sim:${marker}]] is ${code}, the wait read from the body`, async t => {
    const { provider } = await simulated(t)
    t.like(await failureOf(t, complete(provider, `[[sim:${marker}]]`)), { class: { code, retryable, retryAfter } })
    t.like(await failureOf(t, streamed(provider, `[[sim:${marker}]]`)), { class: { code, retryable, retryAfter }, partialUsage: null })
  })
}

for (const [marker, code] of [['unfinished', 'answer_cut'], ['cut', 'answer_cut'], ['stream-error', 'overloaded'], ['malformed', 'answer_invalid']] as const) {
  test(`gemini: [[sim:${marker}]] in a stream is ${code} after what came, with the usage so far`, async t => {
    const { provider } = await simulated(t)
    const chunks: ChatChunk[] = []
    const failure = await failureOf(t, streamed(provider, `Hello [[sim:${marker}]]`, {}, chunks))
    t.like(failure, { class: { code, retryable: true } })
    t.regex(textOf(chunks), /^Simulated/)
    t.true(chunks.every(chunk => chunk.choices[0]!.finish_reason === null))
    t.true(failure.partialUsage!.inputTokens > 0)
  })
}

test('gemini: a request that cannot be translated is a coded refusal without a call', async t => {
  const { provider, simulator } = await simulated(t)
  const messages: ChatMessage[] = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/cat' } }] }]
  const error = await t.throwsAsync(provider.call(requestFor('', { messages })), { instanceOf: SiraError })
  t.is(error.code, 'unsupported_parameter')
  await t.throwsAsync(streamed(provider, '', { messages }), { instanceOf: SiraError })
  t.is(simulator.calls().length, 0)
})

test('gemini: an error as bare JSON on several lines after CRLF frames is found, what came before is kept (Portkey #741)', async t => {
  const { provider, upstream } = await answering(t, sse(
    'data: {"candidates":[{"content":{"parts":[{"text":"Hel"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}\r\n\r\n',
    '{\n  "error": {\n    "code": 429,\n    "message": "Quota exceeded for key AIzaSyTheKeyOfTheAccount",\n    "status": "RESOURCE_EXHAUSTED",\n' +
    '    "details": [ { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s" } ]\n  }\n}\n'
  ))
  const chunks: ChatChunk[] = []
  const failure = await failureOf(t, streamed(provider, 'Hello', {}, chunks))
  t.is(textOf(chunks), 'Hel')
  t.like(failure, { class: { code: 'rate_limited', retryable: true, retryAfter: 12_000 }, partialUsage: { inputTokens: 4 } })
  t.false(`${failure.message}${failure.body}`.includes(secret))
  const [request] = upstream.requests
  t.is(request?.url, '/v1beta/models/sim-gemini:streamGenerateContent?alt=sse')
  t.is(request?.headers['x-goog-api-key'], secret)
  t.is(request?.headers.authorization, undefined)
})

const oddities: ReadonlyArray<readonly [name: string, body: string, code: string]> = [
  ['an error', '{"error":{"code":503,"message":"Overloaded","status":"UNAVAILABLE"}}', 'overloaded'],
  ['no JSON', 'so sorry', 'answer_invalid'],
  ['an empty object', '{}', 'answer_invalid']
]
for (const [name, body, code] of oddities) {
  test(`gemini: a 200 with ${name} is ${code}, asked for a stream or not`, async t => {
    const { provider } = await answering(t, response => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(body)
    })
    t.like(await failureOf(t, complete(provider, 'Hello')), { class: { code } })
    t.like(await failureOf(t, streamed(provider, 'Hello')), { class: { code } })
  })
}

test('gemini: a reader that is slower than the provider stops it, and loses nothing', async t => {
  const { provider } = await simulated(t)
  const chunks: ChatChunk[] = []
  let resumed = 0
  await provider.stream({
    ...requestFor('Hello', { stream: true }),
    idleTimeout: 5_000,
    sink: {
      events (events, resume) {
        for (const { data } of events) chunks.push(JSON.parse(data) as ChatChunk)
        setImmediate(() => {
          resumed++
          resume()
        })
        return false
      }
    }
  })
  t.true(resumed > 0)
  t.is(chunks.at(-1)!.choices[0]!.finish_reason, 'stop')
})

function embeddingsOf (input: unknown, fields: object = {}): ProviderRequest {
  return { ...requestFor(''), endpoint: '/v1/embeddings', body: JSON.stringify({ model: 'sim-gemini-embed', input, ...fields }) }
}

interface Embeddings { readonly object: string, readonly data: ReadonlyArray<{ readonly index: number, readonly embedding: number[] | string }> }

test('gemini: embeddings as numbers and as base64 are the same vectors', async t => {
  const { provider } = await simulated(t)
  const asNumbers = await provider.call(embeddingsOf(['a', 'b'], { dimensions: 4 }))
  const numbers = JSON.parse(asNumbers.body) as Embeddings
  t.like(numbers, { object: 'list', model: 'sim-gemini-embed', data: [{ object: 'embedding', index: 0 }, { object: 'embedding', index: 1 }] })
  t.is(asNumbers.usage, null)
  const { data } = JSON.parse((await provider.call(embeddingsOf('b', { dimensions: 4, encoding_format: 'base64' }))).body) as Embeddings
  const bytes = Buffer.from(data[0]!.embedding as string, 'base64')
  t.deepEqual(Array.from({ length: 4 }, (_, index) => bytes.readFloatLE(index * 4)), (numbers.data[1]!.embedding as number[]).map(Math.fround))
})

test('gemini: embeddings of tokens are a coded refusal, a vector missing is an invalid answer', async t => {
  const { provider } = await simulated(t)
  t.is((await t.throwsAsync(provider.call(embeddingsOf([1, 2])), { instanceOf: SiraError })).code, 'unsupported_parameter')
  const { provider: short } = await answering(t, response => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end('{"embeddings":[{"values":[1]}],"usageMetadata":{"promptTokenCount":2}}')
  })
  t.like(await failureOf(t, short.call(embeddingsOf(['a', 'b']))), { class: { code: 'answer_invalid' } })
  t.like(await short.call(embeddingsOf('a')), { usage: { inputTokens: 2, outputTokens: 0 } })
})
