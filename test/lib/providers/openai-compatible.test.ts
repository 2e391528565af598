import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { ProviderConfig } from '../../../lib/providers/catalog.ts'
import { createOpenAICompatible } from '../../../lib/providers/openai-compatible.ts'
import { ProviderFailure } from '../../../lib/providers/types.ts'
import type { Provider, ProviderRequest } from '../../../lib/providers/types.ts'
import { providerAt, startUpstream, withKeys } from './_upstream.ts'
import type { Upstream } from './_upstream.ts'

const request: ProviderRequest = {
  endpoint: '/v1/chat/completions', body: '{"model":"m"}', clientRequestId: 'batch_req_1_1', timeout: 5_000, maxAnswerBytes: 1_000_000
}

async function setUp (
  t: ExecutionContext, handle: (request: IncomingMessage, response: ServerResponse, body: string) => void, overrides: Partial<ProviderConfig> = {}
): Promise<{ provider: Provider, upstream: Upstream }> {
  const upstream = await startUpstream(handle)
  const provider = createOpenAICompatible(providerAt(upstream.url, overrides))
  t.teardown(async () => {
    await provider.close()
    await upstream.close()
  })
  return { provider, upstream }
}

async function failureOf (t: ExecutionContext, call: Promise<unknown>): Promise<ProviderFailure> {
  return t.throwsAsync(call, { instanceOf: ProviderFailure })
}

/**
 * The connections of all calls are closed, and closing the provider leaves none. (After an abort undici opens an idle one in
 * advance, which ends by itself.) The deadline makes a leak a failure.
 */
async function connectionsClose (t: ExecutionContext, upstream: Upstream, provider: Provider): Promise<void> {
  t.true(await within3s(() => upstream.requests.every(request => request.socket.destroyed)), 'a call left its connection open')
  await providerCloses(t, upstream, provider)
}

async function providerCloses (t: ExecutionContext, upstream: Upstream, provider: Provider): Promise<void> {
  await provider.close()
  t.true(await within3s(() => upstream.sockets.size === 0), 'the provider left a connection open')
}

async function within3s (condition: () => boolean): Promise<boolean> {
  const deadline = performance.now() + 3_000
  while (!condition() && performance.now() < deadline) await sleep(5)
  return condition()
}

/** A promise and what resolves it. */
function signalled (): { promise: Promise<void>, resolve: () => void } {
  let settle = (): void => {}
  const promise = new Promise<void>(resolve => { settle = resolve })
  return { promise, resolve: settle }
}

const answer = (response: ServerResponse, body: string, headers: Record<string, string> = {}, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
}

test('a call sends what a provider needs and returns the body, the request id and the usage', async t => {
  const usage = { prompt_tokens: 9, completion_tokens: 20, total_tokens: 29, prompt_tokens_details: { cached_tokens: 4 }, completion_tokens_details: { reasoning_tokens: 8 } }
  const text = JSON.stringify({ id: 'x', choices: [], usage })
  let received = ''
  const { provider, upstream } = await setUp(t, (_request, response, body) => {
    received = body
    answer(response, text, { 'x-request-id': 'req_up_1' })
  }, withKeys('the-account-key'))
  t.deepEqual(await provider.call({ ...request, body: '{"model":"m","messages":["ü"]}' }), {
    statusCode: 200,
    requestId: 'req_up_1',
    body: text,
    usage: { inputTokens: 9, cachedInputTokens: 4, outputTokens: 20, reasoningTokens: 8 }
  })
  t.is(received, '{"model":"m","messages":["ü"]}')
  const { method, url, headers } = upstream.requests[0]!
  t.is(method, 'POST')
  t.is(url, '/v1/chat/completions')
  t.is(headers.authorization, 'Bearer the-account-key')
  t.is(headers['x-client-request-id'], 'batch_req_1_1')
  t.is(headers['content-type'], 'application/json')
  t.is(headers['content-length'], String(Buffer.byteLength(received)))
})

test('without a key no authorization is sent, and a base path is kept', async t => {
  const { upstream } = await setUp(t, (_request, response) => { answer(response, '{}') })
  const provider = createOpenAICompatible(providerAt(upstream.url, { baseUrl: `${upstream.url}/openai/api/v1` }))
  t.teardown(async () => provider.close())
  const result = await provider.call({ ...request, endpoint: '/v1/embeddings', body: Buffer.from('{}') })
  t.deepEqual(result, { statusCode: 200, requestId: null, body: '{}', usage: null })
  t.is(upstream.requests[0]!.url, '/openai/api/v1/embeddings')
  t.is(upstream.requests[0]!.headers.authorization, undefined)
})

const usages: [string, unknown, unknown][] = [
  ['embeddings', { prompt_tokens: 5, total_tokens: 5 }, { inputTokens: 5, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 }],
  ['responses', { input_tokens: 7, input_tokens_details: { cached_tokens: 2 }, output_tokens: 3, output_tokens_details: { reasoning_tokens: 1 }, total_tokens: 10 },
    { inputTokens: 7, cachedInputTokens: 2, outputTokens: 3, reasoningTokens: 1 }],
  ['none', null, null],
  ['negative', { prompt_tokens: -1, completion_tokens: 2 }, null],
  ['fractional', { prompt_tokens: 1.5, completion_tokens: 2 }, null],
  ['text', { prompt_tokens: '9', completion_tokens: 2 }, null],
  ['huge', { prompt_tokens: 1e300, completion_tokens: 2 }, null],
  ['a bad output count', { prompt_tokens: 1, completion_tokens: {} }, null],
  ['details larger than their whole', { prompt_tokens: 4, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 5 }, completion_tokens_details: { reasoning_tokens: -3 } },
    { inputTokens: 4, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0 }],
  ['details that are none', { prompt_tokens: 4, completion_tokens: 2, prompt_tokens_details: null, completion_tokens_details: 'x' },
    { inputTokens: 4, cachedInputTokens: 0, outputTokens: 2, reasoningTokens: 0 }]
]

for (const [name, usage, expected] of usages) {
  test(`usage is read and checked: ${name}`, async t => {
    const { provider } = await setUp(t, (_request, response) => { answer(response, JSON.stringify({ usage })) })
    t.deepEqual((await provider.call(request)).usage as unknown, expected)
  })
}

test('an answer goes on as it came, and one of megabytes has its usage read', async t => {
  const pretty = '{\r\n  "text": "a\\n  b",\n  "big": 12345678901234567890\n}\n'
  const large = JSON.stringify({ data: 'x'.repeat(1_500_000), usage: { prompt_tokens: 7, total_tokens: 7 } }, null, 1)
  for (const [text, usage] of [[pretty, null], [large, { inputTokens: 7, cachedInputTokens: 0, outputTokens: 0, reasoningTokens: 0 }]] as const) {
    const { provider } = await setUp(t, (_request, response) => { answer(response, text) })
    const answered = await provider.call({ ...request, maxAnswerBytes: 2_000_000 })
    t.is(answered.body, text)
    t.deepEqual(answered.usage as unknown, usage)
  }
})

test('an answer in many pieces that split characters is put together', async t => {
  const text = JSON.stringify({ text: 'ü€😀'.repeat(50) })
  const bytes = Buffer.from(text)
  const { provider } = await setUp(t, (_request, response) => {
    response.writeHead(200)
    let sent = 0
    const next = (): void => {
      response.write(bytes.subarray(sent, sent + 97))
      sent += 97
      if (sent < bytes.length) setImmediate(next)
      else response.end()
    }
    next()
  })
  t.is((await provider.call(request)).body, text)
})

test('an error answer keeps its status, body, request id and Retry-After', async t => {
  const { provider } = await setUp(t, (_request, response) => {
    answer(response, '{\n"error":{"message":"Slow\\u0000 down","type":"requests","param":null,"code":"rate_limit_exceeded"}}', { 'retry-after': '3', 'x-request-id': 'req_9' }, 429)
  })
  const failure = await failureOf(t, provider.call(request))
  t.deepEqual(failure.class, { code: 'rate_limited', retryable: true, throttled: true, retryAfter: 3000 })
  t.is(failure.message, 'Slow  down')
  t.is(failure.statusCode, 429)
  t.is(failure.requestId, 'req_9')
  t.deepEqual(JSON.parse(failure.body!), { error: { message: 'Slow\0 down', type: 'requests', param: null, code: 'rate_limit_exceeded' } })
  t.notRegex(failure.body!, /\n/)
})

test('x-should-retry and retry-after-ms of the provider are honoured', async t => {
  const { provider } = await setUp(t, (_request, response) => {
    answer(response, '{"error":{"message":"no"}}', { 'x-should-retry': 'false', 'retry-after-ms': '1500' }, 500)
  })
  t.deepEqual((await failureOf(t, provider.call(request))).class, { code: 'server_error', retryable: false, throttled: false, retryAfter: 1500 })
})

test('keys are removed from what a provider says', async t => {
  const secret = 'plant"ed/secret\\key-123456'
  const said = `Incorrect key ${secret}, or sk-proj-abcdef123456, sira_abcdef123456 or sk-ab****************wxyz; you sent Authorization: Bearer eyJhbGciOi.x.y`
  const { provider } = await setUp(t, (_request, response, body) => {
    // the second time with the key hidden behind escapes
    const text = JSON.stringify({ error: { message: said, code: 'invalid_api_key' } })
    answer(response, body === '2' ? text.replaceAll('plant', '\\u0070lant') : text, {}, 401)
  }, withKeys(secret))
  for (const body of ['1', '2']) {
    const failure = await failureOf(t, provider.call({ ...request, body }))
    t.is(failure.class.code, 'authentication')
    t.is(failure.message, 'Incorrect key [redacted], or [redacted], [redacted] or [redacted]; you sent Authorization: [redacted]')
    t.is((JSON.parse(failure.body!) as { error: { message: string } }).error.message, failure.message)
  }
})

test('a key of a few characters, as local servers have, blanks out no words', async t => {
  const { provider } = await setUp(t, (_request, response) => { answer(response, '{"error":{"message":"the list is none"}}', {}, 400) }, withKeys('none'))
  t.is((await failureOf(t, provider.call(request))).message, 'the list is none')
})

test('an HTML error page is not shown', async t => {
  const { provider } = await setUp(t, (_request, response) => {
    response.writeHead(502, { 'content-type': 'text/html' }).end('<html>internal-host-7</html>')
  })
  const failure = await failureOf(t, provider.call(request))
  t.is(failure.class.code, 'server_error')
  t.is(failure.message, 'The provider failed. (status 502)')
  t.is(failure.body, null)
})

test('a long error text is cut, and an error body without end is not read on', async t => {
  const { provider, upstream } = await setUp(t, (_request, response, body) => {
    response.writeHead(400, { 'content-type': 'text/plain' })
    if (body === 'long') response.end('x'.repeat(10_000))
    else {
      const more = (): void => { while (!response.destroyed && response.write('y'.repeat(60_000))); }
      response.on('drain', more)
      more()
    }
  })
  t.is((await failureOf(t, provider.call({ ...request, body: 'long' }))).message, 'x'.repeat(2000))
  const endless = await failureOf(t, provider.call({ ...request, body: 'endless' }))
  t.is(endless.class.code, 'invalid_request')
  t.is(endless.statusCode, 400)
  t.is(endless.message.length, 2000)
  await connectionsClose(t, upstream, provider)
})

test('an error answer that breaks off is still that error', async t => {
  const { provider } = await setUp(t, (_request, response) => {
    response.writeHead(422, { 'content-length': '1000' })
    response.write('{"error":')
    setImmediate(() => response.destroy())
  })
  const failure = await failureOf(t, provider.call(request))
  t.is(failure.class.code, 'unprocessable')
  t.is(failure.statusCode, 422)
})

test('a redirect is not followed', async t => {
  const { provider, upstream } = await setUp(t, (_request, response) => { answer(response, '', { location: '/v1/elsewhere' }, 307) })
  const failure = await failureOf(t, provider.call(request))
  t.deepEqual(failure.class, { code: 'unexpected_status', retryable: false, throttled: false, retryAfter: null })
  t.is(upstream.requests.length, 1)
})

const invalid: [string, string][] = [['no JSON', '{"a":'], ['nothing', ''], ['an array', '[1]'], ['a number', '7'], ['null', 'null'], ['HTML', '<html></html>']]
for (const [name, body] of invalid) {
  test(`a 200 with ${name} in it is an invalid answer`, async t => {
    const { provider } = await setUp(t, (_request, response) => { answer(response, body) })
    const failure = await failureOf(t, provider.call(request))
    t.deepEqual(failure.class, { code: 'answer_invalid', retryable: true, throttled: false, retryAfter: null })
    t.is(failure.statusCode, 200)
  })
}

test('a 200 with an error in it is that error, and error: null is none', async t => {
  const { provider } = await setUp(t, (_request, response, body) => { answer(response, body) })
  const limited = await failureOf(t, provider.call({ ...request, body: '{"error":{"code":"rate_limit_exceeded","message":"later"}}' }))
  t.deepEqual(limited.class, { code: 'rate_limited', retryable: true, throttled: true, retryAfter: null })
  t.is(limited.message, 'later')
  t.is((await failureOf(t, provider.call({ ...request, body: '{"error":"model is loading"}' }))).message, 'model is loading')
  t.is((await provider.call({ ...request, body: '{"error":null}' })).statusCode, 200)
})

test('an answer that ends with finish_reason error, as Mistral\'s and OpenRouter\'s may, is a failure, long or short', async t => {
  const choices = (content: string, more: object = {}): string =>
    JSON.stringify({ choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'error', ...more }], usage: { prompt_tokens: 1, completion_tokens: 1 } })
  const bodies = [choices('Half'), choices('Half. '.repeat(10_000)), choices('', { error: { code: 429, message: 'Slow down' } })]
  const { provider } = await setUp(t, (_request, response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(bodies.shift()) }, { kind: 'mistral' })
  t.like(await failureOf(t, provider.call(request)), { message: 'The provider failed.', class: { code: 'server_error', retryable: true } })
  t.like(await failureOf(t, provider.call(request)), { class: { code: 'server_error' } })
  t.like(await failureOf(t, provider.call(request)), { message: 'Slow down', class: { code: 'rate_limited' } })
})

test('a reset connection is a reset, and no connection stays', async t => {
  const { provider, upstream } = await setUp(t, request => { request.socket.resetAndDestroy() })
  t.deepEqual((await failureOf(t, provider.call(request))).class, { code: 'connection_reset', retryable: true, throttled: false, retryAfter: null })
  await connectionsClose(t, upstream, provider)
})

test('a refused connection and an unknown host are failed connections', async t => {
  const probe = createTcpServer()
  await new Promise<void>(resolve => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise(resolve => probe.close(resolve))
  for (const url of [`http://127.0.0.1:${port}`, 'http://no-such-host.invalid']) {
    const provider = createOpenAICompatible(providerAt(url))
    const failure = await failureOf(t, provider.call(request))
    t.is(failure.class.code, 'connection_failed')
    t.true(failure.class.retryable)
    t.is(failure.message, 'The provider could not be reached.')
    await provider.close()
  }
})

test('an answer cut in the middle is a cut answer, with and without a length', async t => {
  const { provider, upstream } = await setUp(t, (_request, response, body) => {
    response.writeHead(200, body === 'length' ? { 'content-length': '1000' } : {})
    response.write('{"half":')
    setTimeout(() => { response.socket?.resetAndDestroy() }, 20)
  })
  for (const body of ['length', 'chunked']) {
    t.deepEqual((await failureOf(t, provider.call({ ...request, body }))).class, { code: 'answer_cut', retryable: true, throttled: false, retryAfter: null })
  }
  await connectionsClose(t, upstream, provider)
})

test('what is not HTTP is an invalid answer', async t => {
  const server = createTcpServer(socket => { socket.on('data', () => socket.end('SSH-2.0-nothing\r\n\r\n')) })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close() })
  const provider = createOpenAICompatible(providerAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  t.teardown(async () => provider.close())
  t.is((await failureOf(t, provider.call(request))).class.code, 'answer_invalid')
})

test('an answer larger than allowed is cut off, announced or not', async t => {
  const { provider, upstream } = await setUp(t, (_request, response, body) => {
    response.writeHead(200, body === 'announced' ? { 'content-length': '50000000' } : {})
    const more = (): void => { while (!response.destroyed && response.write('y'.repeat(60_000))); }
    response.on('drain', more)
    more()
  })
  for (const body of ['announced', 'chunked']) {
    const failure = await failureOf(t, provider.call({ ...request, body, maxAnswerBytes: 100_000 }))
    t.deepEqual(failure.class, { code: 'answer_too_large', retryable: false, throttled: false, retryAfter: null })
  }
  await connectionsClose(t, upstream, provider)
})

test('an answer of exactly the allowed size is taken', async t => {
  const text = JSON.stringify({ text: 'z'.repeat(1000) })
  const { provider } = await setUp(t, (_request, response) => { answer(response, text) })
  t.is((await provider.call({ ...request, maxAnswerBytes: text.length })).body, text)
  t.is((await failureOf(t, provider.call({ ...request, maxAnswerBytes: text.length - 1 }))).class.code, 'answer_too_large')
})

test('a provider that never answers meets the deadline, and the connection is closed', async t => {
  const { provider, upstream } = await setUp(t, () => {})
  const start = performance.now()
  t.deepEqual((await failureOf(t, provider.call({ ...request, timeout: 150 }))).class, { code: 'timeout', retryable: true, throttled: false, retryAfter: null })
  t.true(performance.now() - start < 1500)
  await connectionsClose(t, upstream, provider)
})

test('the deadline is for the whole answer, however steadily it drips', async t => {
  const { provider, upstream } = await setUp(t, (_request, response) => {
    response.writeHead(200)
    const timer = setInterval(() => response.write(' '), 10)
    response.on('close', () => { clearInterval(timer) })
  })
  const start = performance.now()
  t.is((await failureOf(t, provider.call({ ...request, timeout: 200 }))).class.code, 'timeout')
  t.true(performance.now() - start < 1500)
  await connectionsClose(t, upstream, provider)
})

test('an abort ends the call at once, before and while it runs', async t => {
  const started = signalled()
  const { provider, upstream } = await setUp(t, () => { started.resolve() })
  const reason = new Error('cancelled')
  const before = await failureOf(t, provider.call({ ...request, signal: AbortSignal.abort(reason) }))
  t.is(before.class.code, 'aborted')
  t.is(upstream.requests.length, 0)
  const controller = new AbortController()
  const call = failureOf(t, provider.call({ ...request, signal: controller.signal }))
  await started.promise
  controller.abort(reason)
  const failure = await call
  t.deepEqual(failure.class, { code: 'aborted', retryable: false, throttled: false, retryAfter: null })
  t.is(failure.cause, reason)
  await connectionsClose(t, upstream, provider)
})

test('a call that gave up while it waited for a connection is never sent', async t => {
  const { provider, upstream } = await setUp(t, (_request, response, body) => { if (body === 'slow') setTimeout(() => { answer(response, '{}') }, 200) }, { maxConcurrency: 1 })
  const slow = provider.call({ ...request, body: 'slow' })
  t.is((await failureOf(t, provider.call({ ...request, body: 'never', timeout: 50 }))).class.code, 'timeout')
  await slow
  await provider.call({ ...request, body: 'slow' })
  t.is(upstream.requests.length, 2)
})

test('calls one after the other share a connection, and no more are opened than allowed', async t => {
  let most = 0
  const { provider, upstream } = await setUp(t, (_request, response) => {
    most = Math.max(most, upstream.sockets.size)
    setTimeout(() => { answer(response, '{}') }, 5)
  }, { maxConcurrency: 3 })
  for (let call = 0; call < 20; call++) await provider.call(request)
  // a connection is free one turn of the event loop after its answer
  t.true(most <= 2, `${most} connections`)
  await Promise.all(Array.from({ length: 30 }, async () => provider.call(request)))
  t.is(most, 3)
  // they stay open for further calls, for as long as the upstream's Keep-Alive says
  await providerCloses(t, upstream, provider)
})

test('closing the provider aborts what is in flight', async t => {
  const started = signalled()
  const { provider } = await setUp(t, () => { started.resolve() })
  const call = failureOf(t, provider.call(request))
  await started.promise
  await provider.close()
  t.is((await call).class.code, 'aborted')
  t.is((await failureOf(t, provider.call(request))).class.code, 'aborted')
})

test('a request id that no header carries is the request\'s fault', async t => {
  const { provider, upstream } = await setUp(t, (_request, response) => { answer(response, '{}') })
  const failure = await failureOf(t, provider.call({ ...request, clientRequestId: 'line\nbreak' }))
  t.is(failure.class.code, 'invalid_request')
  t.false(failure.class.retryable)
  t.is(upstream.requests.length, 0)
})

test('many calls on one signal leave nothing on it', async t => {
  const { provider } = await setUp(t, (_request, response) => { answer(response, '{}') }, { maxConcurrency: 16 })
  const controller = new AbortController()
  const added = { count: 0 }
  const { signal } = controller
  const add = signal.addEventListener.bind(signal)
  const take = signal.removeEventListener.bind(signal)
  signal.addEventListener = ((...given: Parameters<typeof add>) => { added.count += 1; add(...given) }) as typeof add
  signal.removeEventListener = ((...given: Parameters<typeof take>) => { added.count -= 1; take(...given) }) as typeof take
  const calls = Array.from({ length: 200 }, async () => provider.call({ ...request, signal }))
  t.is(added.count, 1)
  await Promise.all(calls)
  t.is(added.count, 0)
})
