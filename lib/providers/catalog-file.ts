import { scaleDecimal } from '../domain/price.ts'
import type { TokenPrices } from '../domain/price.ts'
import type { Catalog, ModelConfig, ProviderConfig } from './catalog-types.ts'
import { fault, lineOf, openYaml, readInteger, readList, readMap, readNumeral, readText } from './yaml-fields.ts'
import type { Field } from './yaml-fields.ts'

type Environment = Readonly<Record<string, string | undefined>>

const defaultConcurrency = 256
/** USD per million tokens. The largest bill of one answer, 2 × 2^31 tokens at this price, still fits the ledger's bigint. */
const highestPrice = 2000n
const unknownPrices: TokenPrices = { input: null, cachedInput: null, output: null }
/** Discounts are read in parts of 10^12. */
const discountScale = 12

/** Reads a configuration file's text. Throws one Error that lists every fault as `name:line: path: what is needed`. */
export function parseCatalog (name: string, text: string, environment: Environment): Catalog {
  const { root, faults } = openYaml(name, text)
  const providers = new Map<string, ProviderConfig>()
  const models = new Map<string, ModelConfig>()
  const top = root && readMap(root, ['providers', 'models'])
  if (top) {
    const declared = new Map<string, number>()
    for (const field of readList(top.providers) ?? []) readProvider(field, environment, declared, providers)
    const ids = new Map<string, number>()
    for (const field of readList(top.models) ?? []) readModel(field, ids, declared, models)
  }
  const all = faults()
  if (all.length > 0) throw new Error(`Configuration file:\n  ${all.join('\n  ')}`)
  return { providers, models }
}

function readProvider (field: Field, environment: Environment, declared: Map<string, number>, providers: Map<string, ProviderConfig>): void {
  const keys = readMap(field, ['name', 'kind', 'base_url'], ['api_key_env', 'max_concurrency', 'requests_per_minute', 'tokens_per_minute'])
  if (!keys) return
  const name = readText(keys.name, text => /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(text), 'a name of 1 to 64 letters, digits, dots, dashes or underscores')
  if (name !== undefined) declareOnce(keys.name!, name, declared)
  const kind = readText(keys.kind, text => text === 'openai', 'openai')
  const baseUrl = readText(keys.base_url, isBaseUrl, 'an http:// or https:// URL without credentials, query and fragment')
  const apiKey = readApiKey(keys.api_key_env, environment)
  const maxConcurrency = readInteger(keys.max_concurrency, 1, 10_000)
  const requestsPerMinute = readInteger(keys.requests_per_minute, 1, 1_000_000_000)
  const tokensPerMinute = readInteger(keys.tokens_per_minute, 1, 1_000_000_000_000)
  if (name === undefined || kind === undefined || baseUrl === undefined) return
  providers.set(name, {
    name,
    kind: 'openai',
    baseUrl: baseUrl.replace(/\/+$/, ''),
    apiKey: apiKey ?? null,
    maxConcurrency: maxConcurrency ?? defaultConcurrency,
    requestsPerMinute: requestsPerMinute ?? null,
    tokensPerMinute: tokensPerMinute ?? null
  })
}

function readModel (field: Field, ids: Map<string, number>, providers: ReadonlyMap<string, number>, models: Map<string, ModelConfig>): void {
  const keys = readMap(field, ['id', 'provider'], ['upstream', 'price', 'batch_discount'])
  if (!keys) return
  // Postgres text has no NUL, and a model's name goes into logs and headers
  const named = (text: string): boolean => /^[!-~]{1,256}$/.test(text)
  const id = readText(keys.id, named, 'a name of 1 to 256 printable ASCII characters without spaces')
  if (id !== undefined) declareOnce(keys.id!, id, ids)
  const provider = readText(keys.provider, text => text !== '', 'the name of a provider')
  if (provider !== undefined && !providers.has(provider)) fault(keys.provider!, `no provider is named ${provider}`)
  const upstream = readText(keys.upstream, named, 'a name of 1 to 256 printable ASCII characters without spaces')
  const discount = readDiscount(keys.batch_discount)
  const { list, batch } = readPrices(keys.price, discount)
  if (id === undefined || provider === undefined) return
  models.set(id, { id, provider, upstream: upstream ?? id, prices: list, batchPrices: batch })
}

function declareOnce (field: Field, name: string, declared: Map<string, number>): void {
  const line = declared.get(name)
  if (line !== undefined) fault(field, `${name} is already declared in line ${line}`)
  else declared.set(name, lineOf(field))
}

function readApiKey (field: Field | undefined, environment: Environment): string | undefined {
  const variable = readText(field, text => /^[A-Za-z_][A-Za-z0-9_]*$/.test(text), 'the name of an environment variable')
  if (!field || variable === undefined) return undefined
  const key = environment[variable]?.trim()
  if (!key) return fault(field, `the environment variable ${variable} is not set`)
  // what a header can carry; the value itself is never shown
  return /^[!-~]+$/.test(key) ? key : fault(field, `the environment variable ${variable} holds characters that a key cannot have`)
}

function readDiscount (field: Field | undefined): bigint {
  if (!field) return 0n
  const parts = scaleDecimal(readNumeral(field) ?? '', discountScale)
  if (typeof parts === 'bigint' && parts >= 0n && parts <= 10n ** BigInt(discountScale)) return parts
  fault(field, 'a fraction from 0 to 1 with at most 12 decimals is needed')
  return 0n
}

function readPrices (field: Field | undefined, discount: bigint): { list: TokenPrices, batch: TokenPrices } {
  const keys = field && readMap(field, [], ['input', 'cached_input', 'output'])
  if (!keys) return { list: unknownPrices, batch: unknownPrices }
  const input = readPrice(keys.input, discount)
  const cachedInput = readPrice(keys.cached_input, discount)
  const output = readPrice(keys.output, discount)
  return {
    list: { input: input.list, cachedInput: cachedInput.list, output: output.list },
    batch: { input: input.batch, cachedInput: cachedInput.batch, output: output.batch }
  }
}

/** USD per million tokens, as pico-USD per token: the list price and the price in a batch. */
function readPrice (field: Field | undefined, discount: bigint): { list: bigint | null, batch: bigint | null } {
  const none = { list: null, batch: null }
  if (!field) return none
  const list = scaleDecimal(readNumeral(field) ?? '', 6)
  if (list === null || (list !== 'inexact' && (list < 0n || list > highestPrice * 10n ** 6n))) {
    fault(field, `a price in USD per million tokens from 0 to ${highestPrice} is needed`)
    return none
  }
  const whole = 10n ** BigInt(discountScale)
  if (list === 'inexact') {
    fault(field, 'finer than a pico-dollar per token: at most 6 decimals are possible')
    return none
  }
  const discounted = list * (whole - discount)
  if (discounted % whole !== 0n) {
    fault(field, 'with batch_discount it is finer than a pico-dollar per token')
    return none
  }
  return { list, batch: discounted / whole }
}

function isBaseUrl (text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.username === '' && url.password === '' &&
    url.search === '' && url.hash === '' && !text.endsWith('?') && !text.endsWith('#')
}
