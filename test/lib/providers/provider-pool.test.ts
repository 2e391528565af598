import test from 'ava'
import type { ProviderConfig } from '../../../lib/providers/catalog-types.ts'
import { createProviderPool } from '../../../lib/providers/provider-pool.ts'
import { ProviderFailure } from '../../../lib/providers/types.ts'
import type { Provider, ProviderRequest } from '../../../lib/providers/types.ts'
import { providerAt, startUpstream, withKeys } from './_upstream.ts'

const request: ProviderRequest = { endpoint: '/v1/embeddings', body: '{}', clientRequestId: 'req_1', timeout: 5_000, maxAnswerBytes: 10_000 }

test('a client is made when it is first asked for, once, by its dialect', async t => {
  const providers = new Map([providerAt('http://127.0.0.1:1'), providerAt('http://127.0.0.1:1', { name: 'claude', kind: 'anthropic' }), providerAt('http://127.0.0.1:1', { name: 'g', kind: 'gemini' })]
    .map(provider => [provider.name, provider]))
  const pool = createProviderPool({ providers, models: new Map() })
  t.teardown(pool.close)
  t.is(pool.get('nobody'), undefined)
  t.is(pool.get('upstream'), pool.get('upstream'))
  t.true(pool.get('upstream')!.endpoints.has('/v1/moderations'))
  t.true(pool.get('claude')!.endpoints.has('/v1/messages'))
  t.true(pool.get('g')!.endpoints.has('/v1/chat/completions'))
})

test('changed credentials are used by the next call, the call in flight goes on, and the old client then closes', async t => {
  const held: Array<() => void> = []
  const server = await startUpstream((request, response) => {
    const answer = (): void => { response.end(JSON.stringify({ key: request.headers.authorization })) }
    if (request.headers.authorization === 'Bearer old') held.push(answer)
    else answer()
  })
  const providers = new Map<string, ProviderConfig>()
  providers.set('upstream', providerAt(server.url, withKeys('old')))
  const pool = createProviderPool({ providers, models: new Map() })
  t.teardown(async () => {
    await pool.close()
    await server.close()
  })
  const provider = pool.get('upstream')!
  const inFlight = provider.call(request)
  while (held.length === 0) await new Promise(resolve => setImmediate(resolve))
  const [oldSocket] = server.sockets
  providers.set('upstream', providerAt(server.url, withKeys('new')))
  // by the handle from before the change, as by a new one
  t.is((await provider.call(request)).body, '{"key":"Bearer new"}')
  t.is((await pool.get('upstream')!.call(request)).body, '{"key":"Bearer new"}')
  t.false(oldSocket!.destroyed)
  const closed = new Promise(resolve => oldSocket!.on('close', resolve))
  held[0]!()
  t.is((await inFlight).body, '{"key":"Bearer old"}')
  await closed
  t.true(oldSocket!.destroyed)
})

/** A provider whose calls never end, and how often it was closed. */
function endless (config: ProviderConfig, closed: string[]): Provider {
  const never = async (): Promise<never> => await new Promise(() => {})
  return {
    name: config.name,
    endpoints: new Set(),
    call: never,
    stream: never,
    async close () { closed.push(config.credentials[0]!.secret) }
  }
}

test('closing the pool closes the replaced clients that still have calls, each once', async t => {
  const closed: string[] = []
  const providers = new Map([['p', providerAt('http://127.0.0.1:1', { name: 'p', ...withKeys('first') })]])
  const pool = createProviderPool({ providers, models: new Map() }, config => endless(config, closed))
  void pool.get('p')!.call(request)
  providers.set('p', providerAt('http://127.0.0.1:1', { name: 'p', ...withKeys('second') }))
  t.truthy(pool.get('p'))
  t.deepEqual(closed, [])
  await pool.close()
  t.deepEqual(closed.sort(), ['first', 'second'])
  t.is(pool.get('p'), undefined)
})

test('a provider taken out of the catalog is closed, and a call by an old handle fails as classified', async t => {
  const closed: string[] = []
  const providers = new Map([['p', providerAt('http://127.0.0.1:1', { name: 'p', ...withKeys('only') })]])
  const pool = createProviderPool({ providers, models: new Map() }, config => endless(config, closed))
  t.teardown(pool.close)
  const handle = pool.get('p')!
  providers.delete('p')
  t.is(pool.get('p'), undefined)
  t.deepEqual(closed, ['only'])
  t.is(handle.endpoints.size, 0)
  const failure = await t.throwsAsync(handle.call(request), { instanceOf: ProviderFailure })
  t.deepEqual(failure.class, { code: 'connection_failed', retryable: false, throttled: false, retryAfter: null })
})
