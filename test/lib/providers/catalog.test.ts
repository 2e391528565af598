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

test('without a file the catalog is the simulator, priced and with a discount', t => {
  const { providers, models } = loadCatalog({ configFile: null, simulatorUrl: 'http://127.0.0.1:4010/' }, {})
  t.deepEqual([...providers.values()], [{
    name: 'simulator',
    kind: 'openai',
    baseUrl: 'http://127.0.0.1:4010/v1',
    apiKey: null,
    maxConcurrency: 256,
    requestsPerMinute: null,
    tokensPerMinute: null
  }])
  const fast = models.get('sim-fast')!
  t.deepEqual(fast.prices, { input: 150_000n, cachedInput: 75_000n, output: 600_000n })
  t.deepEqual(fast.batchPrices, { input: 75_000n, cachedInput: 37_500n, output: 300_000n })
  for (const model of models.values()) t.is(model.upstream, model.id)
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
    apiKey: 'sk-secret-value',
    maxConcurrency: 8,
    requestsPerMinute: 600,
    tokensPerMinute: 200_000
  })
  t.deepEqual(models.get('big'), {
    id: 'big',
    provider: 'one',
    upstream: 'vendor/big-2026',
    prices: { input: 2_500_000n, cachedInput: 1_250_000n, output: 10_000_000n },
    batchPrices: { input: 1_250_000n, cachedInput: 625_000n, output: 5_000_000n }
  })
  t.is(providers.get('local')!.maxConcurrency, 256)
  t.deepEqual(models.get('small')!.prices, { input: null, cachedInput: null, output: null })
  t.deepEqual(models.get('half')!.prices, { input: 1n, cachedInput: null, output: null })
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
    kind: anthropic
    base_url: ftp://one.example
    max_concurrency: 0
    requests_per_minute: 1.5
    tokens_per_minute: "10"
models: [{ id: a, provider: one }]`, [
    'sira.yaml:2: providers[0].name:', 'sira.yaml:3: providers[0].kind: openai is needed', 'sira.yaml:4: providers[0].base_url:',
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
      image: 3
  - id: b
    provider: one
    price: 3
    batch_discount: 1.5
  - id: c
    provider: one
    price: { input: 2000.000001, output: .inf }`, [
    'sira.yaml:6: models[0].price.input: a price', 'sira.yaml:7: models[0].price.cached_input: a price',
    'sira.yaml:8: models[0].price.output: finer than a pico-dollar', 'sira.yaml:9: models[0].price: unknown key image',
    'sira.yaml:12: models[1].price: a mapping is needed', 'sira.yaml:13: models[1].batch_discount:',
    'sira.yaml:16: models[2].price.input: a price', 'sira.yaml:16: models[2].price.output: a price'
  ]],
  ['a price that the discount makes too fine', `${provider}models:
  - { id: a, provider: one, batch_discount: 0.5, price: { input: 0.000001 } }`, ['sira.yaml:3: models[0].price.input: with batch_discount']],
  ['malformed YAML', 'providers:\n  - name: [one\nmodels: []\n', ['sira.yaml:']],
  ['a key twice', `${provider}models: [{ id: a, id: b, provider: one }]`, ['sira.yaml:2: ']],
  ['an anchor that does not exist', `${provider}models: *models`, ['sira.yaml:2: ']]
]

for (const [name, text, expected] of faults) {
  test(`a file with ${name} is refused with its lines`, t => {
    const error = t.throws(() => load(text, { BAD_KEY: 'a\nb' }))
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
