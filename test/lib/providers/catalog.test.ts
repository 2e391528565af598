import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadCatalog } from '../../../lib/providers/catalog.ts'
import type { Catalog } from '../../../lib/providers/catalog.ts'

const folder = mkdtempSync(join(tmpdir(), 'sira-catalog-'))
const configFile = join(folder, 'sira.yaml')
test.after.always(() => { rmSync(folder, { recursive: true }) })

function load (text: string, environment: Record<string, string> = {}): Catalog {
  writeFileSync(configFile, text)
  return loadCatalog({ configFile, simulatorUrl: 'http://127.0.0.1:4010' }, environment)
}

const provider = 'providers: [{ name: one, kind: openai, base_url: "https://one.example/v1" }]\n'

const policy = {
  timeout: 600_000, idleTimeout: 60_000, maxAttempts: 3, retryAfterTimeout: false, fallbacks: [], contextFallbacks: [], contentFallbacks: [], unsupported: 'refuse'
}

test('without a file the catalog is the simulator in its three wire formats, priced and with a discount', t => {
  const { providers, models } = loadCatalog({ configFile: null, simulatorUrl: 'http://127.0.0.1:4010/' }, {})
  const common = { credentials: [], credentialUse: 'spread', apiVersion: null, maxConcurrency: 256, requestsPerMinute: null, tokensPerMinute: null }
  t.deepEqual<unknown[], unknown[]>([...providers.values()], [
    { name: 'simulator', kind: 'openai', baseUrl: 'http://127.0.0.1:4010/v1', ...common },
    { name: 'simulator-anthropic', kind: 'anthropic', baseUrl: 'http://127.0.0.1:4010/anthropic/v1', ...common },
    { name: 'simulator-gemini', kind: 'gemini', baseUrl: 'http://127.0.0.1:4010/gemini/v1beta', ...common }
  ])
  const fast = models.get('sim-fast')!
  t.deepEqual(fast.prices, { input: 150_000n, cachedInput: 75_000n, output: 600_000n })
  t.deepEqual(fast.batchPrices, { input: 75_000n, cachedInput: 37_500n, output: 300_000n })
  for (const model of models.values()) if (model.id !== 'sim-balanced') t.is(model.upstream, model.id)
  t.deepEqual(models.get('sim-balanced')!.deployments.map(({ id, weight }) => [id, weight]), [['simulator/sim-fast', 3], ['simulator/sim-instant', 1]])
  t.is(models.get('sim-claude')!.deployments[0]!.prices.cacheWriteHour, '6000000')
  t.is(models.get('sim-claude')!.batchSheet!.cacheWriteHour, '3000000')
  t.is(models.get('sim-gemini')!.batchSheet!.above![0]!.prices.reasoning, '7500000')
  t.is(fast.batchSheet, undefined)
})

test('a file gives providers and models with what is left out at its default', t => {
  const { providers, models } = load(`
providers:
  - name: one
    kind: openai
    base_url: https://one.example/openai/v1/
    api_key_env: ONE_KEY
    max_concurrency: 8
    requests_per_minute: 600
    tokens_per_minute: 200000
  - { name: local, kind: openai, base_url: "http://127.0.0.1:8000/v1" }
models:
  - id: big
    provider: one
    upstream: vendor/big-2026
    price: { input: 2.5, cached_input: "1.25", output: 10 }
    batch_discount: 0.5
  - { id: small, provider: local }
  - { id: half, provider: local, price: { input: 0.000001 } }
`, { ONE_KEY: ' sk-secret-value ' })
  t.deepEqual(providers.get('one'), {
    name: 'one',
    kind: 'openai',
    baseUrl: 'https://one.example/openai/v1',
    credentials: [{ id: 'one/1', secret: 'sk-secret-value' }],
    credentialUse: 'spread',
    apiVersion: null,
    maxConcurrency: 8,
    requestsPerMinute: 600,
    tokensPerMinute: 200_000
  })
  t.deepEqual<unknown, unknown>(models.get('big'), {
    id: 'big',
    provider: 'one',
    upstream: 'vendor/big-2026',
    prices: { input: 2_500_000n, cachedInput: 1_250_000n, output: 10_000_000n },
    batchPrices: { input: 1_250_000n, cachedInput: 625_000n, output: 5_000_000n },
    deployments: [{
      id: 'one/vendor/big-2026', provider: 'one', upstream: 'vendor/big-2026', weight: 1, priority: 0,
      prices: { input: '2500000', cachedInput: '1250000', output: '10000000' }
    }],
    policy,
    contextWindow: null,
    maxOutputTokens: null
  })
  t.is(providers.get('local')!.maxConcurrency, 256)
  t.deepEqual(models.get('small')!.prices, { input: null, cachedInput: null, output: null })
  t.deepEqual(models.get('half')!.prices, { input: 1n, cachedInput: null, output: null })
})

test('a file gives vendors, deployments by priority, policies and every kind of price', t => {
  const { providers, models } = load(`
providers:
  - { name: claude, kind: anthropic, api_key_env: [FIRST_KEY, SECOND_KEY], credential_use: first }
  - { name: cloud, kind: azure, base_url: "https://x.example/openai/v1", api_version: 2025-04-01-preview }
  - { name: own, kind: vllm, base_url: "http://127.0.0.1:8000/v1" }
models:
  - id: all
    deployments:
      - { provider: own, priority: 2 }
      - provider: claude
        upstream: claude-x
        weight: 5
        price:
          input: 3
          cached_input: 0.3
          cache_write: 3.75
          cache_write_hour: 6
          output: 15
          reasoning: 16
          input_audio: 17
          cached_audio: 18
          output_audio: 19
          input_image: 20
          output_image: 21
          image: 0.04
          request: 0.005
          above: [{ input_tokens: 200000, input: 6, output: 22.5 }]
          tiers: { batch: { input: 1.5, above: [{ input_tokens: 200000, input: 3 }] }, flex: { output: 7.5 }, priority: { input: "6" } }
      - { provider: cloud, upstream: x, weight: 0 }
    fallbacks: [small]
    context_fallbacks: [small]
    content_fallbacks: [small]
    timeout_ms: 30000
    idle_timeout_ms: 5000
    max_attempts: 5
    retry_after_timeout: true
    unsupported_parameters: drop
    context_window: 200000
    max_output_tokens: 64000
    batch_discount: 0.5
  - { id: small, provider: own }
organizations: [{ anything: [goes] }]
projects: {}
keys: []
limits: 3
budgets:
presets: x
`, { FIRST_KEY: 'one', SECOND_KEY: 'two' })
  t.deepEqual(providers.get('claude')!.credentials, [{ id: 'claude/1', secret: 'one' }, { id: 'claude/2', secret: 'two' }])
  t.is(providers.get('claude')!.credentialUse, 'first')
  t.is(providers.get('claude')!.baseUrl, 'https://api.anthropic.com/v1')
  t.is(providers.get('cloud')!.apiVersion, '2025-04-01-preview')
  const model = models.get('all')!
  const prices = {
    input: '3000000', cachedInput: '300000', cacheWrite: '3750000', cacheWriteHour: '6000000', output: '15000000', reasoning: '16000000',
    inputAudio: '17000000', cachedAudio: '18000000', outputAudio: '19000000', inputImage: '20000000', outputImage: '21000000',
    image: '40000000000', request: '5000000000',
    above: [{ inputTokens: 200_000, prices: { input: '6000000', output: '22500000' } }],
    tiers: {
      batch: { input: '1500000', above: [{ inputTokens: 200_000, prices: { input: '3000000' } }] },
      flex: { output: '7500000' },
      priority: { input: '6000000' }
    }
  }
  t.deepEqual(model.deployments, [
    { id: 'claude/claude-x', provider: 'claude', upstream: 'claude-x', weight: 5, priority: 0, prices },
    { id: 'cloud/x', provider: 'cloud', upstream: 'x', weight: 0, priority: 0, prices: {} },
    { id: 'own/all', provider: 'own', upstream: 'all', weight: 1, priority: 2, prices: {} }
  ])
  t.is(model.provider, 'claude')
  t.deepEqual(model.prices, { input: 3_000_000n, cachedInput: 300_000n, output: 15_000_000n })
  t.deepEqual(model.batchPrices, { input: 1_500_000n, cachedInput: 150_000n, output: 7_500_000n })
  t.is(model.batchSheet!.image, '20000000000')
  t.is(model.batchSheet!.tiers!.batch!.above![0]!.prices.input, '1500000')
  t.deepEqual(model.policy, {
    timeout: 30_000, idleTimeout: 5000, maxAttempts: 5, retryAfterTimeout: true, fallbacks: ['small'], contextFallbacks: ['small'], contentFallbacks: ['small'], unsupported: 'drop'
  })
  t.is(model.contextWindow, 200_000)
  t.is(model.maxOutputTokens, 64_000)
  t.deepEqual<unknown, unknown>(models.get('small')!.policy, policy)
})

test('anchors and aliases are read like what they stand for', t => {
  const { models } = load(`${provider}models:
  - { id: a, provider: one, price: &price { input: 1, output: 2 } }
  - { id: b, provider: one, price: *price }`)
  t.deepEqual(models.get('b')!.prices, models.get('a')!.prices)
})

const faults: [name: string, text: string, faults: string[]][] = [
  ['an empty file', '', ['sira.yaml:1: the file is empty']],
  ['a list instead of a mapping', '- 1\n', ['sira.yaml:1: a mapping is needed']],
  ['missing sections', '{}\n', ['sira.yaml:1: models is missing', 'sira.yaml:1: providers is missing']],
  ['no entries', 'providers: []\nmodels: []\n', ['sira.yaml:1: providers: at least one entry is needed', 'sira.yaml:2: models: at least one entry is needed']],
  ['sections left blank', 'providers:\nmodels:\n', ['sira.yaml:1: providers: a list is needed', 'sira.yaml:2: models: a list is needed']],
  ['an unknown key at the top', `${provider}models: [{ id: a, provider: one }]\nmodel: []\n`, ['sira.yaml:3: unknown key model, known are providers, models']],
  ['a misspelt provider key', `providers:
  - name: one
    kind: openai
    base_url: https://one.example/v1
    max_concurency: 3
models: [{ id: a, provider: one }]`, ['sira.yaml:5: providers[0]: unknown key max_concurency']],
  ['bad provider values', `providers:
  - name: has space
    kind: bard
    base_url: ftp://one.example
    max_concurrency: 0
    requests_per_minute: 1.5
    tokens_per_minute: "10"
models: [{ id: a, provider: one }]`, [
    'sira.yaml:2: providers[0].name:', 'sira.yaml:3: providers[0].kind: openai or azure or vllm', 'sira.yaml:4: providers[0].base_url:',
    'sira.yaml:5: providers[0].max_concurrency: a whole number from 1', 'sira.yaml:6: providers[0].requests_per_minute:',
    'sira.yaml:7: providers[0].tokens_per_minute:', 'sira.yaml:8: models[0].provider: no provider is named one'
  ]],
  ['credentials in a URL', 'providers: [{ name: one, kind: openai, base_url: "https://user:password@one.example/v1" }]\nmodels: [{ id: a, provider: one }]',
    ['sira.yaml:1: providers[0].base_url:']],
  ['a duplicate provider', `providers:
  - { name: one, kind: openai, base_url: "https://one.example/v1" }
  - { name: one, kind: openai, base_url: "https://two.example/v1" }
models: [{ id: a, provider: one }]`, ['sira.yaml:3: providers[1].name: one is already declared in line 2']],
  ['a duplicate model', `${provider}models:\n  - { id: a, provider: one }\n  - { id: a, provider: one }`, ['sira.yaml:4: models[1].id: a is already declared in line 3']],
  ['an unknown provider', `${provider}models:\n  - id: a\n    provider: other`, ['sira.yaml:4: models[0].provider: no provider is named other']],
  ['a key variable that is not set', `providers:
  - name: one
    kind: openai
    base_url: https://one.example/v1
    api_key_env: UNSET_KEY
models: [{ id: a, provider: one }]`, ['sira.yaml:5: providers[0].api_key_env: the environment variable UNSET_KEY is not set']],
  ['a key that no header carries', `providers: [{ name: one, kind: openai, base_url: "https://one.example/v1", api_key_env: BAD_KEY }]
models: [{ id: a, provider: one }]`, ['sira.yaml:1: providers[0].api_key_env: the environment variable BAD_KEY holds']],
  ['bad prices', `${provider}models:
  - id: a
    provider: one
    price:
      input: cheap
      cached_input: -1
      output: 0.0000001
      picture: 3
  - id: b
    provider: one
    price: 3
    batch_discount: 1.5
  - id: c
    provider: one
    price: { input: 2000.000001, output: .inf }`, [
    'sira.yaml:6: models[0].price.input: a price', 'sira.yaml:7: models[0].price.cached_input: a price',
    'sira.yaml:8: models[0].price.output: finer than a pico-dollar', 'sira.yaml:9: models[0].price: unknown key picture',
    'sira.yaml:12: models[1].price: a mapping is needed', 'sira.yaml:13: models[1].batch_discount:',
    'sira.yaml:16: models[2].price.input: a price', 'sira.yaml:16: models[2].price.output: a price'
  ]],
  ['bad bands and tiers', `${provider}models:
  - id: a
    provider: one
    batch_discount: 0.5
    price:
      input: 1
      image: 100.5
      request: 0.0000000000001
      above:
        - { input_tokens: 0, input: 2 }
        - { input: 2 }
        - { input_tokens: 200000, input: 2 }
        - { input_tokens: 200000, output: 2, above: [] }
      tiers:
        cheap: { input: 1 }
        flex: { input: 0.000001, tiers: {} }`, [
    'sira.yaml:8: models[0].price.image: a price in USD per piece from 0 to 100', 'sira.yaml:9: models[0].price.request: finer than a pico-dollar per piece',
    'sira.yaml:11: models[0].price.above[0].input_tokens: a whole number from 1', 'sira.yaml:12: models[0].price.above[1]: input_tokens is missing',
    'sira.yaml:14: models[0].price.above[3]: prices above 200000', 'sira.yaml:14: models[0].price.above[3]: unknown key above',
    'sira.yaml:16: models[0].price.tiers: unknown key cheap', 'sira.yaml:17: models[0].price.tiers.flex.input: with batch_discount',
    'sira.yaml:17: models[0].price.tiers.flex: unknown key tiers'
  ]],
  ['bad vendors', `providers:
  - { name: one, kind: openai }
  - { name: two, kind: anthropic, api_version: v1, credential_use: some, api_key_env: [KEY, UNSET_KEY, 3] }
models: [{ id: a, provider: one }]`, [
    'sira.yaml:2: providers[0]: base_url is missing', 'sira.yaml:3: providers[1].api_version: only a provider of kind azure',
    'sira.yaml:3: providers[1].credential_use: spread or first is needed', 'sira.yaml:3: providers[1].api_key_env[1]: the environment variable UNSET_KEY is not set',
    'sira.yaml:3: providers[1].api_key_env[2]: the name of an environment variable'
  ]],
  ['bad deployments', `${provider}models:
  - id: a
    upstream: b
    deployments:
      - { provider: one, weight: -1 }
      - { provider: one, priority: 101, upstream: a }
      - { provider: other }
      - { upstream: c }
  - id: b
  - { id: c, deployments: [] }`, [
    'sira.yaml:4: models[0].upstream: belongs into the deployments', 'sira.yaml:6: models[0].deployments[0].weight: a whole number from 0',
    'sira.yaml:7: models[0].deployments[1].priority: a whole number from 0', 'sira.yaml:7: models[0].deployments[1]: the model is already served by one/a',
    'sira.yaml:8: models[0].deployments[2].provider: no provider is named other', 'sira.yaml:9: models[0].deployments[3]: provider is missing',
    'sira.yaml:10: models[1]: provider or deployments is missing', 'sira.yaml:11: models[2].deployments: at least one entry'
  ]],
  ['a bad policy', `${provider}models:
  - id: a
    provider: one
    fallbacks: [b, a]
    context_fallbacks: [missing]
    content_fallbacks: [b, b]
    timeout_ms: 0
    idle_timeout_ms: 3600001
    max_attempts: 11
    retry_after_timeout: maybe
    unsupported_parameters: ignore
    context_window: 0
    max_output_tokens: 1.5
  - { id: b, provider: one }`, [
    'sira.yaml:5: models[0].fallbacks: a model cannot fall back to itself', 'sira.yaml:6: models[0].context_fallbacks: no model is named missing',
    'sira.yaml:7: models[0].content_fallbacks: a model is named twice', 'sira.yaml:8: models[0].timeout_ms:', 'sira.yaml:9: models[0].idle_timeout_ms:',
    'sira.yaml:10: models[0].max_attempts:', 'sira.yaml:11: models[0].retry_after_timeout: true or false', 'sira.yaml:12: models[0].unsupported_parameters: refuse or drop',
    'sira.yaml:13: models[0].context_window:', 'sira.yaml:14: models[0].max_output_tokens:'
  ]],
  ['a price that the discount makes too fine', `${provider}models:
  - { id: a, provider: one, batch_discount: 0.5, price: { input: 0.000001 } }`, ['sira.yaml:3: models[0].price.input: with batch_discount']],
  ['malformed YAML', 'providers:\n  - name: [one\nmodels: []\n', ['sira.yaml:']],
  ['a key twice', `${provider}models: [{ id: a, id: b, provider: one }]`, ['sira.yaml:2: ']],
  ['an anchor that does not exist', `${provider}models: *models`, ['sira.yaml:2: ']]
]

for (const [name, text, expected] of faults) {
  test(`a file with ${name} is refused with its lines`, t => {
    const error = t.throws(() => load(text, { BAD_KEY: 'a\nb', KEY: 'fine' }))
    const lines = error.message.split('\n  ').slice(1)
    t.true(lines.length >= expected.length, error.message)
    if (name !== 'malformed YAML') t.is(lines.length, expected.length, error.message)
    for (const fault of expected) t.true(lines.some(line => line.startsWith(fault)), `${fault}\nin\n${error.message}`)
    t.notRegex(error.message, /password|a\nb/)
  })
}

test('a file that cannot be read is named', t => {
  const missing = join(folder, 'missing.yaml')
  t.throws(() => loadCatalog({ configFile: missing, simulatorUrl: 'http://127.0.0.1:1' }, {}), { message: /missing\.yaml cannot be read \(ENOENT\)/ })
})
