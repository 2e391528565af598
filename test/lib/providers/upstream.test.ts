import type { IncomingMessage } from 'node:http'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import type { ProviderConfig } from '../../../lib/providers/catalog-types.ts'
import { readError } from '../../../lib/providers/openai/read-error.ts'
import { ProviderFailure } from '../../../lib/providers/types.ts'
import type { StreamEvent } from '../../../lib/providers/types.ts'
import { createUpstream } from '../../../lib/providers/upstream.ts'
import type { Upstream, UpstreamCall } from '../../../lib/providers/upstream.ts'
import type { VendorKind } from '../../../lib/providers/vendors.ts'
import { providerAt, startUpstream, withKeys } from './_upstream.ts'

const call: UpstreamCall = { path: '/v1/x', body: '{}', clientRequestId: 'req_1', timeout: 5_000, maxAnswerBytes: 100_000 }

/** Answers 200 unless the credential is among the bad ones: then as that says. */
async function setUp (
  t: ExecutionContext, bad: Record<string, [status: number, body: string, headers?: Record<string, string>]>, overrides: Partial<ProviderConfig>
): Promise<{ upstream: Upstream, keys: string[] }> {
  const keys: string[] = []
  const server = await startUpstream((request, response) => {
    const key = keyOf(request)
    keys.push(key)
    const [status, body, headers] = bad[key] ?? [200, '{}']
    response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'up_1', ...headers }).end(body)
  })
  const upstream = createUpstream(providerAt(server.url, overrides), readError)
  t.teardown(async () => {
    await upstream.close()
    await server.close()
  })
  return { upstream, keys }
}

const keyOf = ({ headers }: IncomingMessage): string => headers.authorization?.slice('Bearer '.length) ?? ''
const keyA = 'credential-aaaaaaaa'
const keyB = 'credential-bbbbbbbb'
const quota = '{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}'

async function failureOf (t: ExecutionContext, sent: Promise<unknown>): Promise<ProviderFailure> {
  return await t.throwsAsync(sent, { instanceOf: ProviderFailure })
}

const schemes: [VendorKind, string, string][] = [
  ['openai', 'authorization', 'Bearer the-secret'], ['anthropic', 'x-api-key', 'the-secret'], ['azure', 'api-key', 'the-secret'], ['gemini', 'x-goog-api-key', 'the-secret']
]
for (const [kind, header, value] of schemes) {
  test(`a credential goes to ${kind} as ${header}, beside the headers of the call`, async t => {
    const server = await startUpstream((_request, response) => { response.writeHead(204).end() })
    const upstream = createUpstream(providerAt(server.url, { kind, ...withKeys('the-secret') }), readError)
    t.teardown(async () => {
      await upstream.close()
      await server.close()
    })
    await upstream.post({ ...call, path: `${upstream.prefix}/messages`, headers: ['x-version', '2'] })
    const { headers, url } = server.requests[0]!
    t.is(url, '/v1/messages')
    t.is(headers[header], value)
    t.is(headers['x-version'], '2')
    t.is(headers['x-client-request-id'], 'req_1')
    const sent = Object.keys(headers).filter(name => ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'].includes(name))
    t.deepEqual(sent, [header])
  })
}

test('credentials are spread over calls in turn, or the first is used', async t => {
  for (const [credentialUse, expected] of [['spread', [keyA, keyB, keyA, keyB]], ['first', [keyA, keyA, keyA, keyA]]] as const) {
    const { upstream, keys } = await setUp(t, {}, { credentialUse, ...withKeys(keyA, keyB) })
    for (let count = 0; count < 4; count++) await upstream.post(call)
    t.deepEqual(keys, expected)
  }
})

const refusals: [string, number, string][] = [
  ['a 401', 401, '{"error":{"message":"bad key"}}'],
  ['a used up quota', 429, quota],
  ['a 402', 402, '{"error":{"message":"pay"}}'],
  ['a 403 of permission', 403, '{"error":{"type":"permission_error","message":"no"}}'],
  ['a 400 about the key', 400, '{"error":{"code":"invalid_api_key","message":"no"}}']
]
for (const [name, status, body] of refusals) {
  test(`${name} is retryable while another credential is fit, and the refused one rests`, async t => {
    const { upstream, keys } = await setUp(t, { [keyA]: [status, body, { 'retry-after': '7200' }] }, { credentialUse: 'first', ...withKeys(keyA, keyB) })
    const failure = await failureOf(t, upstream.post(call))
    t.true(failure.class.retryable)
    t.false(failure.class.throttled)
    t.is(failure.class.retryAfter, null)
    t.is(failure.statusCode, status)
    t.is(failure.requestId, 'up_1')
    for (let count = 0; count < 3; count++) await upstream.post(call)
    t.deepEqual(keys, [keyA, keyB, keyB, keyB])
  })
}

test('with one credential, or when all are refused, a refusal stays what it is', async t => {
  const alone = await setUp(t, { [keyA]: [401, '{}'] }, withKeys(keyA))
  for (let count = 0; count < 2; count++) t.deepEqual((await failureOf(t, alone.upstream.post(call))).class, { code: 'authentication', retryable: false, throttled: false, retryAfter: null })
  const both = await setUp(t, { [keyA]: [401, '{}'], [keyB]: [429, quota] }, withKeys(keyA, keyB))
  t.true((await failureOf(t, both.upstream.post(call))).class.retryable)
  const last = await failureOf(t, both.upstream.post(call))
  t.is(last.class.code, 'quota_exceeded')
  t.false(last.class.retryable)
})

const harmless: [string, number, string][] = [
  ['a moderated prompt (403)', 403, '{"error":{"code":403,"message":"flagged"}}'],
  ['a rate limit', 429, '{"error":{"code":"rate_limit_exceeded"}}'],
  ['a bad request', 400, '{"error":{"message":"no"}}'],
  ['a server error', 500, '{}']
]
for (const [name, status, body] of harmless) {
  test(`${name} rests no credential`, async t => {
    const { upstream, keys } = await setUp(t, { [keyA]: [status, body] }, { credentialUse: 'first', ...withKeys(keyA, keyB) })
    for (let count = 0; count < 3; count++) await failureOf(t, upstream.post(call))
    t.deepEqual(keys, [keyA, keyA, keyA])
  })
}

test('a quota told in the middle of a stream rests the credential', async t => {
  const { upstream, keys } = await setUp(t, { [keyA]: [200, `data: ${quota}\n\n`, { 'content-type': 'text/event-stream' }] }, { credentialUse: 'first', ...withKeys(keyA, keyB) })
  const accept = (events: readonly StreamEvent[]): never => { throw upstream.failure(readError(JSON.parse(events[0]!.data) as Record<string, unknown>)) }
  const failure = await failureOf(t, upstream.stream({ ...call, idleTimeout: 1_000, accept }))
  t.is(failure.class.code, 'quota_exceeded')
  t.true(failure.class.retryable)
  t.is(failure.requestId, 'up_1')
  await upstream.post(call)
  t.deepEqual(keys, [keyA, keyB])
})

test('no secret of the account, whichever was used, is in what a failure says', async t => {
  const said = JSON.stringify({ error: { message: `not ${keyA} and not ${keyB} nor AIzaSyA-1234567890_abcdefghijk` } })
  const { upstream } = await setUp(t, { [keyA]: [400, said], [keyB]: [502, `${keyA} ${keyB}`] }, withKeys(keyA, keyB))
  for (let count = 0; count < 2; count++) {
    const failure = await failureOf(t, upstream.post(call))
    t.notRegex(JSON.stringify([failure, failure.message, failure.stack, String(failure.cause)]), /aaaaaaaa|bbbbbbbb|AIza/)
  }
  const inside = upstream.failure({ code: null, type: null, message: `with ${keyB}` }, 200, { body: JSON.stringify({ keyA }) })
  t.is(inside.message, 'with [redacted]')
  t.is(inside.body, '{"keyA":"[redacted]"}')
})

test('errors in a list, as Gemini has them, are read', async t => {
  const { upstream } = await setUp(t, { '': [429, '[{"error":{"code":429,"message":"slowly","status":"RESOURCE_EXHAUSTED"}}]'] }, {})
  const failure = await failureOf(t, upstream.post(call))
  t.is(failure.message, 'slowly')
  t.is(failure.class.code, 'rate_limited')
})

test('an error inside a 2xx is classified by what it says', t => {
  const upstream = createUpstream(providerAt('http://127.0.0.1:1'), readError)
  t.teardown(upstream.close)
  const classOf = (code: string | number | null, type: string | null): string => upstream.failure({ code, type, message: null }).class.code
  t.is(classOf(null, 'overloaded_error'), 'overloaded')
  t.is(classOf(429, null), 'rate_limited')
  t.is(classOf('401', null), 'authentication')
  t.is(classOf(null, null), 'server_error')
})
