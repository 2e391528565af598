import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { ProviderConfig } from '../../../lib/providers/catalog-types.ts'
import { createOpenAICompatible } from '../../../lib/providers/openai-compatible.ts'
import { ProviderFailure } from '../../../lib/providers/types.ts'
import type { Provider, ProviderStreamRequest, StreamEvent } from '../../../lib/providers/types.ts'
import { providerAt, startUpstream, withKeys } from './_upstream.ts'
import type { Upstream } from './_upstream.ts'

type Handle = (request: IncomingMessage, response: ServerResponse, body: string) => void

interface Setting {
  readonly provider: Provider
  readonly upstream: Upstream
  readonly events: StreamEvent[]
  readonly bodies: string[]
  readonly request: ProviderStreamRequest
}

async function setUp (t: ExecutionContext, handle: Handle, overrides: Partial<ProviderConfig> = {}): Promise<Setting> {
  const bodies: string[] = []
  const upstream = await startUpstream((request, response, body) => {
    bodies.push(body)
    handle(request, response, body)
  })
  const provider = createOpenAICompatible(providerAt(upstream.url, overrides))
  t.teardown(async () => {
    await provider.close()
    await upstream.close()
  })
  const events: StreamEvent[] = []
  return { provider, upstream, events, bodies, request: requestInto(events) }
}

function requestInto (events: StreamEvent[], body: Record<string, unknown> = {}): ProviderStreamRequest {
  const parsed = { model: 'm', stream: true, ...body }
  return {
    endpoint: '/v1/chat/completions',
    body: JSON.stringify(parsed),
    parsed,
    clientRequestId: 'req_1',
    timeout: 5_000,
    idleTimeout: 2_000,
    maxAnswerBytes: 10_000_000,
    sink: {
      events (arrived) {
        events.push(...arrived)
        return true
      }
    }
  }
}

const begin = (response: ServerResponse): void => { response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-request-id': 'up_7' }) }
const sse = (...data: string[]): string => data.map(each => `data: ${each}\n\n`).join('')
const sends = (text: string): Handle => (_request, response) => {
  begin(response)
  response.end(text)
}
const failureOf = async (t: ExecutionContext, call: Promise<unknown>): Promise<ProviderFailure> => await t.throwsAsync(call, { instanceOf: ProviderFailure })
const dataOf = (events: readonly StreamEvent[]): string[] => events.map(({ data }) => data)

const usage = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 }
const read = { inputTokens: 9, cachedInputTokens: 0, outputTokens: 4, reasoningTokens: 0 }
const chunk = (content: string, more = ',"usage":null'): string => `{"id":"c","choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}},"finish_reason":null}]${more}}`
const usageChunk = JSON.stringify({ id: 'c', choices: [], usage })

/** Resolves when the condition holds; the deadline makes a failure of what never happens. */
async function within3s (t: ExecutionContext, what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 3_000
  while (!condition() && performance.now() < deadline) await sleep(2)
  t.true(condition(), what)
}

test('a stream passes its chunks, and the usage chunk and [DONE] become the outcome', async t => {
  const { provider, events, bodies, request, upstream } = await setUp(t, sends(sse(chunk('Hé'), chunk('llo 😀', ''), usageChunk, '[DONE]')))
  const outcome = await provider.stream({ ...request, body: '{"model":"m","seed":12345678901234567890,"stream":true}' })
  t.deepEqual(outcome, { requestId: 'up_7', usage: read, usageEvent: usageChunk })
  t.deepEqual(events, [{ name: null, data: chunk('Hé', '') }, { name: null, data: chunk('llo 😀', '') }])
  t.deepEqual(bodies, ['{"model":"m","seed":12345678901234567890,"stream":true,"stream_options":{"include_usage":true}}'])
  t.is(upstream.requests[0]!.url, '/v1/chat/completions')
})

test('chunks keep usage: null for a client that asked for usage, and only then', async t => {
  const spaced = '{"choices": [{}], "usage": null}'
  const spoken = '{"choices":[{"delta":{"content":",\\"usage\\":null and \\"error\\": \\"usage\\": 7"}}]}'
  const { provider, request, bodies } = await setUp(t, sends(sse(chunk('a'), spaced, spoken, usageChunk, '[DONE]')))
  const asked: StreamEvent[] = []
  await provider.stream(requestInto(asked, { stream_options: { include_usage: true } }))
  t.deepEqual(dataOf(asked), [chunk('a'), spaced, spoken])
  const hidden: StreamEvent[] = []
  await provider.stream({ ...requestInto(hidden), parsed: request.parsed! })
  t.deepEqual(dataOf(hidden), [chunk('a', ''), '{"choices": [{}]}', spoken])
  for (const body of bodies) t.deepEqual((JSON.parse(body) as { stream_options: unknown }).stream_options, { include_usage: true })
})

test('usage in the last chunk with content, as Mistral tells it, is read and shown only as a chunk of its own', async t => {
  const last = { id: 'c', model: 'x', choices: [{ index: 0, delta: { content: '' }, finish_reason: 'stop' }], usage }
  const { provider, bodies, events, request } = await setUp(t, sends(sse(chunk('a', ''), JSON.stringify(last), '[DONE]')), { kind: 'mistral' })
  const outcome = await provider.stream({ ...request, ...body({ model: 'm', stream_options: { include_usage: false } }) })
  t.deepEqual(outcome.usage, read)
  t.deepEqual(JSON.parse(outcome.usageEvent!), { id: 'c', model: 'x', choices: [], usage })
  const { usage: _, ...hidden } = last
  t.deepEqual(JSON.parse(events[1]!.data), hidden)
  // which Mistral refuses
  t.deepEqual(bodies, ['{"model":"m"}'])
})

function body (parsed: Record<string, unknown>): Pick<ProviderStreamRequest, 'body' | 'parsed'> {
  return { parsed, body: JSON.stringify(parsed) }
}

const failedEnd = (more: object = {}): string => JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error', ...more }], usage })

test('a chunk that ends with finish_reason error, as Mistral\'s and OpenRouter\'s may, is a failure with the usage it told', async t => {
  const mistral = await setUp(t, sends(sse(chunk('a', ''), failedEnd(), '[DONE]')), { kind: 'mistral' })
  const plain = await failureOf(t, mistral.provider.stream(mistral.request))
  t.like(plain, { message: 'The provider failed.', class: { code: 'server_error', retryable: true }, partialUsage: read })
  const openrouter = await setUp(t, sends(sse(chunk('a', ''), failedEnd({ error: { code: 503, message: 'No instance left' } }), '[DONE]')), { kind: 'openrouter' })
  const told = await failureOf(t, openrouter.provider.stream(openrouter.request))
  t.like(told, { message: 'No instance left', class: { code: 'overloaded' }, partialUsage: read })
  const spoken = chunk('"finish_reason":"error",', '')
  const fine = await setUp(t, sends(sse(spoken, '[DONE]')))
  await fine.provider.stream(fine.request)
  t.deepEqual(dataOf(fine.events), [spoken], 'a text that says so is none')
})

test('usage told in every chunk is the last one told, with the tier', async t => {
  const told = (completion: number): string => JSON.stringify({ service_tier: 'flex', choices: [{ delta: {} }], usage: { prompt_tokens: 9, completion_tokens: completion } })
  const { provider, request, events } = await setUp(t, sends(sse(told(1), told(2), told(4), '[DONE]')))
  t.deepEqual((await provider.stream(request)).usage, { ...read, tier: 'flex' })
  for (const event of events) t.false(event.data.includes('usage'))
})

test('the tier is taken from the first chunk where the usage chunk does not tell it', async t => {
  const { provider, request } = await setUp(t, sends(sse(chunk('a', ',"service_tier":"priority"'), usageChunk, '[DONE]')))
  t.deepEqual((await provider.stream(request)).usage, { ...read, tier: 'priority' })
})

test('usage nested in a vendor\'s field, and usage that is none, is no usage', async t => {
  const nested = '{"choices":[{}],"x_groq":{"usage":{"prompt_tokens":3}}}'
  const { provider, request, events } = await setUp(t, sends(sse(nested, '{"choices":[],"prompt_filter_results":[]}', '{"choices":[],"usage":{"prompt_tokens":-3}}', '[DONE]')))
  t.is((await provider.stream(request)).usage, null)
  t.deepEqual(dataOf(events), [nested, '{"choices":[],"prompt_filter_results":[]}'])
})

test('events split at every byte by the network are the same events', async t => {
  const text = `: hello\r\n\r\n${sse(chunk('ü€😀'), usageChunk, '[DONE]').replaceAll('\n', '\r\n')}`
  const bytes = Buffer.from(text)
  const { provider } = await setUp(t, (request, response) => {
    begin(response)
    request.socket.setNoDelay()
    const at = Number(request.headers['x-client-request-id'])
    response.write(bytes.subarray(0, at), () => setImmediate(() => response.end(bytes.subarray(at))))
  }, { maxConcurrency: 16 })
  await Promise.all(Array.from({ length: bytes.length - 1 }, async (_, at) => {
    const events: StreamEvent[] = []
    const outcome = await provider.stream({ ...requestInto(events), clientRequestId: String(at + 1) })
    t.deepEqual(dataOf(events), [chunk('ü€😀', '')], `split at ${at + 1}`)
    t.deepEqual(outcome.usage, read)
  }))
})

const cuts: [string, (response: ServerResponse) => void][] = [
  ['ends without [DONE]', response => response.end()],
  ['is reset', response => setTimeout(() => response.socket?.resetAndDestroy(), 20)],
  ['ends in the middle of an event', response => response.end('data: {"choices"')],
  ['ends with everything but [DONE]', response => response.end(sse('{"choices":[{"delta":{},"finish_reason":"stop"}]}'))]
]
for (const [name, cut] of cuts) {
  test(`a stream that ${name} is cut, and its usage so far is kept`, async t => {
    const { provider, request, events } = await setUp(t, (_request, response) => {
      begin(response)
      response.write(sse(chunk('a'), usageChunk))
      cut(response)
    })
    const failure = await failureOf(t, provider.stream(request))
    t.deepEqual(failure.class, { code: 'answer_cut', retryable: true, throttled: false, retryAfter: null })
    t.deepEqual(failure.partialUsage, read)
    t.is(failure.requestId, 'up_7')
    t.is(events[0]!.data, chunk('a', ''))
  })
}

test('[DONE] is the end whether or not the connection ends, and the connection serves again', async t => {
  const responses: ServerResponse[] = []
  const { provider, request, upstream } = await setUp(t, (_request, response) => {
    responses.push(response)
    begin(response)
    response.write(sse(chunk('a'), '[DONE]'))
  }, { maxConcurrency: 1 })
  await provider.stream(request)
  t.false(responses[0]!.writableEnded)
  responses[0]!.end()
  await provider.stream(request)
  t.is(upstream.requests[0]!.socket, upstream.requests[1]!.socket)
})

test('a body that goes on after [DONE] is cut off', async t => {
  const { provider, request, upstream } = await setUp(t, (_request, response) => {
    begin(response)
    response.write(sse('[DONE]'))
    const more = (): void => { while (!response.destroyed && response.write('y'.repeat(60_000))); }
    response.on('drain', more)
    setTimeout(more, 10)
  })
  await provider.stream(request)
  await within3s(t, 'the connection stays open', () => upstream.requests[0]!.socket.destroyed)
})

const errors: [string, string, string, string][] = [
  ['an error object', sse('{"error":{"message":"boom","type":"server_error","code":"slow_down"}}'), 'overloaded', 'boom'],
  ['an error text', sse('{"error":"boom"}'), 'server_error', 'boom'],
  ['an error of vLLM', sse('{"object":"error","message":"boom","type":"BadRequestError","param":null,"code":400}'), 'invalid_request', 'boom'],
  ['a code that is a status', sse('{"id":"x","error":{"code":429,"message":"boom"},"choices":[{"finish_reason":"error"}]}'), 'rate_limited', 'boom'],
  ['an error event', 'event: error\ndata: {"message":"boom","type":"overloaded_error"}\n\n', 'overloaded', 'boom'],
  ['an error event that is no JSON', 'event: error\ndata: boom\n\n', 'server_error', 'boom'],
  ['a bare error', '{"error": {\n"code": 503, "message": "boom"}}', 'overloaded', 'boom'],
  ['an event that is no chunk', sse('hello'), 'answer_invalid', "The provider's answer is not valid."],
  ['a chunk that is cut off', sse('{"choices":[{"del'), 'answer_invalid', "The provider's answer is not valid."],
  ['an event with broken usage', sse('{"usage":{'), 'answer_invalid', "The provider's answer is not valid."]
]
for (const [name, text, code, message] of errors) {
  test(`${name} in the middle of a stream is a classified failure`, async t => {
    const { provider, request, events, upstream } = await setUp(t, (_request, response) => {
      begin(response)
      response.write(sse(chunk('a')))
      setTimeout(() => {
        response.write(sse(usageChunk, chunk('b')) + text)
        if (name === 'a bare error') response.end()
      }, 20)
    })
    const failure = await failureOf(t, provider.stream(request))
    t.is(failure.class.code, code as never)
    t.is(failure.message, message)
    t.is(failure.requestId, 'up_7')
    t.deepEqual(failure.partialUsage, read)
    t.deepEqual(dataOf(events), [chunk('a', ''), chunk('b', '')])
    if (name !== 'a bare error') await within3s(t, 'the connection stays open', () => upstream.requests[0]!.socket.destroyed)
  })
}

test('a failure that comes together with the first chunk is told before it', async t => {
  const { provider, request, events } = await setUp(t, sends(sse(chunk(''), '{"error":{"message":"boom"}}')))
  t.is((await failureOf(t, provider.stream(request))).message, 'boom')
  t.deepEqual(events, [])
})

test('a key in an error event is not shown', async t => {
  const secret = 'planted-secret-123456'
  const { provider, request } = await setUp(t, sends(sse(`{"error":{"message":"${secret} and \\u0070lanted-secret-123456"}}`)), withKeys(secret))
  const failure = await failureOf(t, provider.stream(request))
  t.is(failure.message, '[redacted] and [redacted]')
  t.notRegex(JSON.stringify(failure), /planted/)
})

const noStreams: [string, string, string, string][] = [
  ['a JSON error', '{"error":{"message":"no stream","code":"model_not_found"}}', 'not_found', 'no stream'],
  ['a whole answer', '{"choices":[]}', 'answer_invalid', "The provider's answer is not valid."],
  ['a page', '<html></html>', 'answer_invalid', "The provider's answer is not valid."]
]
for (const [name, text, code, message] of noStreams) {
  test(`${name} with status 200 where a stream was asked for is a failure`, async t => {
    const { provider, request } = await setUp(t, (_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(text) })
    const failure = await failureOf(t, provider.stream(request))
    t.is(failure.class.code, code as never)
    t.is(failure.message, message)
    t.is(failure.statusCode, 200)
  })
}

test('an error answer to a stream is classified by its status, whatever its type', async t => {
  const { provider, request } = await setUp(t, (_request, response) => {
    response.writeHead(429, { 'content-type': 'text/event-stream', 'retry-after': '2' }).end('{"error":{"message":"slowly"}}')
  })
  const failure = await failureOf(t, provider.stream(request))
  t.deepEqual(failure.class, { code: 'rate_limited', retryable: true, throttled: true, retryAfter: 2000 })
  t.is(failure.message, 'slowly')
})

test('a stream that falls silent times out, however long the first byte took, and its connection closes', async t => {
  const { provider, request, upstream, events } = await setUp(t, (_request, response) => {
    begin(response)
    response.flushHeaders()
    setTimeout(() => response.write(sse(chunk('a'))), 300)
  })
  const start = performance.now()
  const failure = await failureOf(t, provider.stream({ ...request, idleTimeout: 100 }))
  t.deepEqual(failure.class, { code: 'timeout', retryable: true, throttled: false, retryAfter: null })
  t.is(events.length, 1)
  t.true(performance.now() - start < 2_000)
  await within3s(t, 'the connection stays open', () => upstream.requests[0]!.socket.destroyed)
})

test('the idle time begins anew with each byte', async t => {
  let lastAt = 0
  const { provider, request, events } = await setUp(t, (_request, response) => {
    begin(response)
    let sent = 0
    const timer = setInterval(() => {
      response.write(sse(chunk('a')))
      lastAt = performance.now()
      if (++sent === 12) clearInterval(timer)
    }, 50)
    response.on('close', () => { clearInterval(timer) })
  })
  t.is((await failureOf(t, provider.stream({ ...request, idleTimeout: 250 }))).class.code, 'timeout')
  const silent = performance.now() - lastAt
  t.is(events.length, 12)
  t.true(silent > 240, `${silent} ms`)
})

test('a stream that drips on meets the total deadline and no idle one', async t => {
  const { provider, request, events } = await setUp(t, (_request, response) => {
    begin(response)
    const timer = setInterval(() => response.write(': still here\n\n'), 20)
    response.on('close', () => { clearInterval(timer) })
  })
  const start = performance.now()
  t.is((await failureOf(t, provider.stream({ ...request, idleTimeout: 250, timeout: 600 }))).class.code, 'timeout')
  t.true(performance.now() - start >= 590)
  t.is(events.length, 0)
})

test('when the client goes, the upstream connection closes at once and the call is aborted', async t => {
  const { provider, request, upstream, events } = await setUp(t, (_request, response) => {
    begin(response)
    response.write(sse(chunk('a'), usageChunk))
  })
  const controller = new AbortController()
  const call = failureOf(t, provider.stream({ ...request, signal: controller.signal }))
  await within3s(t, 'no event came', () => events.length === 1)
  const closed = new Promise(resolve => upstream.requests[0]!.socket.on('close', resolve))
  const start = performance.now()
  controller.abort(new Error('gone'))
  await closed
  t.true(performance.now() - start < 500)
  const failure = await call
  t.is(failure.class.code, 'aborted')
  t.deepEqual(failure.partialUsage, read)
})

test('an event larger than allowed ends the stream, and so does a stream larger than allowed', async t => {
  const { provider, request, upstream } = await setUp(t, (_request, response, body) => {
    begin(response)
    const piece = body.includes('"events"') ? sse(chunk('y'.repeat(1000))) : 'y'.repeat(10_000)
    if (!body.includes('"events"')) response.write('data: {')
    const more = (): void => { while (!response.destroyed && response.write(piece)); }
    response.on('drain', more)
    more()
  })
  for (const [endless, maxAnswerBytes] of [['event', 40_000_000], ['event', 100_000], ['events', 100_000]] as const) {
    const failure = await failureOf(t, provider.stream({ ...request, ...body({ model: 'm', x: endless }), maxAnswerBytes }))
    t.deepEqual(failure.class, { code: 'answer_too_large', retryable: false, throttled: false, retryAfter: null })
  }
  await within3s(t, 'a connection stays open', () => upstream.requests.every(request => request.socket.destroyed))
})

test('a slow reader stops the reading: the server cannot write on, and nothing is lost', async t => {
  const total = 400
  let written = 0
  const { provider, request } = await setUp(t, (_request, response) => {
    begin(response)
    const more = (): void => {
      while (written < total) {
        written += 1
        if (!response.write(sse(chunk('z'.repeat(100_000))))) return
      }
      response.end(sse(usageChunk, '[DONE]'))
    }
    response.on('drain', more)
    more()
  })
  let received = 0
  let resume = (): void => {}
  let calls = 0
  const stream = provider.stream({
    ...request,
    maxAnswerBytes: 100_000_000,
    // a pause is no silence of the provider
    idleTimeout: 300,
    sink: {
      events (events, goOn) {
        received += events.length
        calls += 1
        resume = goOn
        return calls !== 1
      }
    }
  })
  await within3s(t, 'nothing came', () => calls === 1)
  await sleep(200)
  const before = written
  await sleep(500)
  t.is(written, before, 'the server could write on')
  t.true(before < 200, `${before} of ${total} were taken up by buffers`)
  t.is(calls, 1)
  resume()
  t.deepEqual((await stream).usage, read)
  t.is(received, total)
})

test('a reader that is ready again before it has said that it is not loses nothing', async t => {
  const { provider, request } = await setUp(t, (_request, response) => {
    begin(response)
    let sent = 0
    const timer = setInterval(() => {
      sent += 1
      if (sent <= 5) response.write(sse(chunk('a')))
      else {
        clearInterval(timer)
        response.end(sse('[DONE]'))
      }
    }, 5)
  })
  let received = 0
  await provider.stream({
    ...request,
    sink: {
      events (events, resume) {
        received += events.length
        resume()
        return false
      }
    }
  })
  t.is(received, 5)
})

test('a sink that throws ends the call with what it threw', async t => {
  const { provider, request, upstream } = await setUp(t, (_request, response) => {
    begin(response)
    response.write(sse(chunk('a')))
  })
  const mistake = new Error('a mistake')
  t.is(await t.throwsAsync(provider.stream({ ...request, sink: { events () { throw mistake } } })), mistake)
  await within3s(t, 'the connection stays open', () => upstream.requests[0]!.socket.destroyed)
})

const responsesEnds: [string, unknown][] = [['response.completed', 'completed'], ['response.incomplete', 'incomplete'], ['response.failed', 'failed']]
for (const [last, status] of responsesEnds) {
  for (const named of [true, false]) {
    test(`responses end with ${last}, which tells the usage${named ? '' : ', though the events have no names'}`, async t => {
      const event = (name: string, more: object): string => `${named ? `event: ${name}\n` : ''}data: ${JSON.stringify({ type: name, ...more })}\n\n`
      const response = { status, service_tier: 'flex', error: status === 'failed' ? { code: 'server_error', message: 'x' } : null, usage: { input_tokens: 9, output_tokens: 4 } }
      const { provider, request, events, bodies } = await setUp(t, sends(
        event('response.created', { response: { status: 'in_progress', usage: null, error: null } }) + event('response.output_text.delta', { delta: '"error"' }) + event(last, { response })
      ))
      const outcome = await provider.stream({ ...request, endpoint: '/v1/responses' })
      t.deepEqual(outcome, { requestId: 'up_7', usage: { ...read, tier: 'flex' }, usageEvent: null })
      t.deepEqual(events.map(({ name }) => name), ['response.created', 'response.output_text.delta', last])
      t.deepEqual(bodies, [request.body])
    })
  }
}

test('an error event of responses is a failure, and without a terminal event they are cut', async t => {
  const { provider, request } = await setUp(t, (_request, response, body) => {
    begin(response)
    response.write('event: response.created\ndata: {"type":"response.created"}\n\n')
    response.end(body.includes('"m"') ? sse('[DONE]') : 'event: error\ndata: {"type":"error","code":"rate_limit_exceeded","message":"slowly","param":null}\n\n')
  })
  const limited = await failureOf(t, provider.stream({ ...request, ...body({ model: 'x' }), endpoint: '/v1/responses' }))
  t.is(limited.class.code, 'rate_limited')
  t.is(limited.message, 'slowly')
  t.is((await failureOf(t, provider.stream({ ...request, endpoint: '/v1/responses' }))).class.code, 'answer_cut')
})

test('Azure\'s deployments are in the path where an api-version is set, and its v1 path is like OpenAI\'s', async t => {
  const upstream = await startUpstream((_request, response) => { response.end('{}') })
  t.teardown(upstream.close)
  const urls = async (overrides: Partial<ProviderConfig>): Promise<Array<string | undefined>> => {
    const provider = createOpenAICompatible(providerAt(upstream.url, { kind: 'azure', ...withKeys('azure-secret'), ...overrides }))
    t.teardown(provider.close)
    const from = upstream.requests.length
    for (const endpoint of ['/v1/chat/completions', '/v1/embeddings', '/v1/responses'] as const) {
      await provider.call({ endpoint, body: '{"model":"my gpt"}', clientRequestId: 'req_1', timeout: 5_000, maxAnswerBytes: 1_000 })
    }
    return upstream.requests.slice(from).map(({ url }) => url)
  }
  const expected = ['/openai/deployments/my%20gpt/chat/completions', '/openai/deployments/my%20gpt/embeddings', '/openai/responses'].map(path => `${path}?api-version=2025-04-01`)
  t.deepEqual(await urls({ baseUrl: upstream.url, apiVersion: '2025-04-01' }), expected)
  t.deepEqual(await urls({ baseUrl: `${upstream.url}/openai`, apiVersion: '2025-04-01' }), expected)
  t.deepEqual(await urls({ baseUrl: `${upstream.url}/openai/v1` }), ['/openai/v1/chat/completions', '/openai/v1/embeddings', '/openai/v1/responses'])
  for (const { headers } of upstream.requests) t.is(headers['api-key'], 'azure-secret')
})
