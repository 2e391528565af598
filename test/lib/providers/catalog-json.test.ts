import test from 'ava'
import { SiraError } from '../../../lib/errors.ts'
import { policyFromJson, priceSheetFromJson, providerFromJson, settingsFromJson } from '../../../lib/providers/catalog-json.ts'
import { buildModel } from '../../../lib/providers/catalog-model.ts'
import { discountSheet, priceSheetToJson } from '../../../lib/providers/catalog-price.ts'

test('prices from JSON are pico-USD, a null one is unknown', t => {
  t.deepEqual(priceSheetFromJson({ input: 0.1, cached_input: '0.05', output: null, image: 1e-12, above: [{ input_tokens: 10, output: 1e-6 }], tiers: { flex: { input: 2000 } } }), {
    input: '100000', cachedInput: '50000', image: '1', above: [{ inputTokens: 10, prices: { output: '1' } }], tiers: { flex: { input: '2000000000' } }
  })
  t.deepEqual(priceSheetFromJson({}), {})
})

test('prices written as JSON are read back as the same prices', t => {
  const sheet = priceSheetFromJson({ input: 12.5, cache_write_hour: '0.000001', request: '0.01', above: [{ input_tokens: 5, input: 1 }], tiers: { batch: { output: 0 }, priority: { above: [{ input_tokens: 6, output: 3 }] } } })
  t.deepEqual(priceSheetFromJson(priceSheetToJson(sheet)), sheet)
  t.deepEqual(priceSheetToJson({ input: '12500000', cachedInput: null, image: '40000000000' }), { input: '12.5', image: '0.04' })
})

const refused: [name: string, read: () => unknown, param: string][] = [
  ['no object', () => priceSheetFromJson(3), 'prices'],
  ['nothing', () => priceSheetFromJson(undefined), 'prices'],
  ['a list', () => priceSheetFromJson([], 'price'), 'price'],
  ['a negative price', () => priceSheetFromJson({ input: -1 }), 'prices.input'],
  ['a price too fine', () => priceSheetFromJson({ input: 1e-7 }), 'prices.input'],
  ['a price that is no number', () => priceSheetFromJson({ output: true }), 'prices.output'],
  ['an unknown kind', () => priceSheetFromJson({ inptu: 1 }), 'prices'],
  ['an inherited name', () => priceSheetFromJson(JSON.parse('{"__proto__": 1}')), 'prices'],
  ['a band without a limit', () => priceSheetFromJson({ above: [{ input: 1 }] }), 'prices.above[0]'],
  ['a tier in a tier', () => priceSheetFromJson({ tiers: { batch: { tiers: {} } } }), 'prices.tiers.batch'],
  ['a policy with another key', () => policyFromJson({ context_window: 3 }), 'policy'],
  ['an attempt too many', () => settingsFromJson({ max_attempts: 11 }), 'settings.max_attempts'],
  ['eleven fallbacks', () => settingsFromJson({ fallbacks: Array.from({ length: 11 }, (_, index) => `m${index}`) }), 'settings.fallbacks'],
  ['a fallback that is no text', () => settingsFromJson({ fallbacks: ['a', 3] }), 'settings.fallbacks[1]'],
  ['a discount above one', () => settingsFromJson({ batch_discount: 1.01 }), 'settings.batch_discount'],
  ['a provider with a key in it', () => providerFromJson({ name: 'a', kind: 'groq', api_key_env: 'HOME' }, []), 'provider'],
  ['a provider without an address', () => providerFromJson({ name: 'a', kind: 'vllm' }, []), 'provider'],
  ['a provider of an unknown kind', () => providerFromJson({ name: 'a', kind: 'x' }, [], 'body'), 'body.kind']
]
for (const [name, read, param] of refused) {
  test(`JSON with ${name} is refused with its path`, t => {
    const error = t.throws(read, { instanceOf: SiraError })
    t.is(error.code, 'invalid_parameter')
    t.is(error.param, param)
  })
}

test('settings from JSON have the defaults of the file', t => {
  t.deepEqual(settingsFromJson({}), {
    policy: { timeout: 600_000, idleTimeout: 60_000, maxAttempts: 3, retryAfterTimeout: false, fallbacks: [], contextFallbacks: [], contentFallbacks: [], unsupported: 'refuse' },
    contextWindow: null,
    maxOutputTokens: null,
    batchDiscount: 0n
  })
  t.is(settingsFromJson({ batch_discount: '0.25', context_window: null }).batchDiscount, 250_000_000_000n)
  t.is(policyFromJson({ max_attempts: 1 }).maxAttempts, 1)
})

test('a provider from JSON takes its vendor\'s address and the credentials it is given', t => {
  const credentials = [{ id: 'cred_1', secret: 'sk-x' }]
  t.deepEqual(providerFromJson({ name: 'g', kind: 'groq', max_concurrency: 3 }, credentials), {
    name: 'g', kind: 'groq', baseUrl: 'https://api.groq.com/openai/v1', credentials, credentialUse: 'spread', apiVersion: null, maxConcurrency: 3, requestsPerMinute: null, tokensPerMinute: null
  })
})

test('a model is built from deployments in any order, and batches use the first by priority', t => {
  const settings = settingsFromJson({ batch_discount: 0.5 })
  const deployment = { upstream: 'u', weight: 1 }
  const model = buildModel({
    id: 'm',
    settings,
    deployments: [
      { ...deployment, id: 'dep_1', provider: 'a', priority: 1, prices: {} },
      { ...deployment, id: 'dep_2', provider: 'b', priority: 0, prices: { input: '3', cacheWrite: '10' } },
      { ...deployment, id: 'dep_3', provider: 'c', priority: 0, prices: {} }
    ]
  })
  t.deepEqual(model.deployments.map(({ id }) => id), ['dep_2', 'dep_3', 'dep_1'])
  t.is(model.provider, 'b')
  t.deepEqual(model.batchPrices, { input: 2n, cachedInput: null, output: null }, 'half a pico-dollar is rounded up')
  t.deepEqual(model.batchSheet, { input: '2', cacheWrite: '5' })
  t.throws(() => buildModel({ id: 'm', settings, deployments: [] }), { message: /no deployment/ })
})

test('a discount is taken off every price, unknown ones stay unknown', t => {
  const quarter = 250_000_000_000n
  t.deepEqual(discountSheet({ input: '100', output: null, above: [{ inputTokens: 5, prices: { input: '200' } }], tiers: { flex: { input: '50', above: [{ inputTokens: 5, prices: { input: '60' } }] } } }, quarter),
    { input: '75', output: null, above: [{ inputTokens: 5, prices: { input: '150' } }], tiers: { flex: { input: '38', above: [{ inputTokens: 5, prices: { input: '45' } }] } } })
})
