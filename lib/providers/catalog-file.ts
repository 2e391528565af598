import type { PriceSheet } from '../contracts/prices.ts'
import { buildModel } from './catalog-model.ts'
import { isName, isProviderName, nameNeeded, providerNameNeeded } from './catalog-names.ts'
import { readPriceSheet } from './catalog-price.ts'
import { optionalProviderKeys, readProvider, requiredProviderKeys } from './catalog-provider.ts'
import { readSettings, settingsKeys } from './catalog-settings.ts'
import type { Catalog, Credential, DeploymentConfig, ModelConfig, ProviderConfig } from './catalog-types.ts'
import { fault, lineOf, openYaml, readInteger, readList, readMap, readOneOrMore, readText } from './yaml-fields.ts'
import type { Field } from './yaml-fields.ts'

type Environment = Readonly<Record<string, string | undefined>>
/** Names already declared, with their lines. */
type Declared = Map<string, number>
type Check = () => void
type Keys = Readonly<Partial<Record<'deployments' | 'provider' | typeof deploymentKeys[number], Field>>>

const deploymentKeys = ['upstream', 'weight', 'priority', 'price'] as const

/** The same file also says who may use the models; lib/control reads that. */
const otherSections = ['organizations', 'projects', 'keys', 'limits', 'budgets', 'presets'] as const

/** Reads a configuration file's text. Throws one Error that lists every fault as `name:line: path: what is needed`. */
export function parseCatalog (name: string, text: string, environment: Environment): Catalog {
  const { root, faults } = openYaml(name, text)
  const providers = new Map<string, ProviderConfig>()
  const models = new Map<string, ModelConfig>()
  const top = root && readMap(root, ['providers', 'models'], otherSections)
  if (top) {
    const providerNames: Declared = new Map()
    for (const field of readList(top.providers) ?? []) addProvider(field, environment, providerNames, providers)
    const ids: Declared = new Map()
    const later: Check[] = []
    for (const field of readList(top.models) ?? []) addModel(field, ids, providerNames, models, later)
    for (const check of later) check()
  }
  const all = faults()
  if (all.length > 0) throw new Error(`Configuration file:\n  ${all.join('\n  ')}`)
  return { providers, models }
}

function addProvider (field: Field, environment: Environment, declared: Declared, providers: Map<string, ProviderConfig>): void {
  const keys = readMap(field, requiredProviderKeys, [...optionalProviderKeys, 'api_key_env'])
  if (!keys) return
  const name = readText(keys.name, isProviderName, providerNameNeeded)
  if (name !== undefined) declareOnce(keys.name!, name, declared)
  const secrets = (readOneOrMore(keys.api_key_env) ?? []).map(entry => readSecret(entry, environment))
  const credentials = secrets.flatMap((secret, index): Credential[] => secret === undefined ? [] : [{ id: `${name}/${index + 1}`, secret }])
  const provider = readProvider(field, name, keys, credentials)
  if (provider !== undefined) providers.set(provider.name, provider)
}

function addModel (field: Field, ids: Declared, providers: Declared, models: Map<string, ModelConfig>, later: Check[]): void {
  const keys = readMap(field, ['id'], ['provider', 'upstream', 'price', 'deployments', ...settingsKeys])
  if (!keys) return
  const id = readText(keys.id, isName, nameNeeded)
  if (id !== undefined) declareOnce(keys.id!, id, ids)
  const settings = readSettings(keys)
  const { fallbacks, contextFallbacks, contentFallbacks } = settings.policy
  later.push(() => { // a model may name one that comes after it
    checkFallbacks(keys.fallbacks, fallbacks, id, ids)
    checkFallbacks(keys.context_fallbacks, contextFallbacks, id, ids)
    checkFallbacks(keys.content_fallbacks, contentFallbacks, id, ids)
  })
  const deployments = readDeployments(field, keys, id, providers, settings.batchDiscount)
  if (id !== undefined && deployments.length > 0) models.set(id, buildModel({ id, deployments, settings }))
}

/** Either the list of deployments, or the model's own provider, upstream and price as the only one. */
function readDeployments (field: Field, keys: Keys, id: string | undefined, providers: Declared, discount: bigint): DeploymentConfig[] {
  if (keys.deployments === undefined) {
    if (keys.provider === undefined) fault(field, 'provider or deployments is missing')
    const only = readDeployment(keys, id, providers, discount)
    return only === undefined ? [] : [only]
  }
  for (const own of [keys.provider, keys.upstream, keys.price]) if (own !== undefined) fault(own, 'belongs into the deployments, since the model has some')
  const found = new Set<string>()
  return (readList(keys.deployments) ?? []).flatMap(entry => {
    const own = readMap(entry, ['provider'], deploymentKeys)
    const deployment = own && readDeployment(own, id, providers, discount)
    if (deployment === undefined) return []
    if (found.has(deployment.id)) fault(entry, `the model is already served by ${deployment.id}`)
    found.add(deployment.id)
    return [deployment]
  })
}

function readDeployment (keys: Keys, id: string | undefined, providers: Declared, discount: bigint): DeploymentConfig | undefined {
  const provider = readText(keys.provider, text => text !== '', 'the name of a provider')
  if (provider !== undefined && !providers.has(provider)) fault(keys.provider!, `no provider is named ${provider}`)
  const upstream = readText(keys.upstream, isName, nameNeeded) ?? id
  const weight = readInteger(keys.weight, 0, 1000) ?? 1
  const priority = readInteger(keys.priority, 0, 100) ?? 0
  const prices: PriceSheet = readPriceSheet(keys.price, discount)
  return provider === undefined || upstream === undefined ? undefined : { id: `${provider}/${upstream}`, provider, upstream, weight, priority, prices }
}

function checkFallbacks (field: Field | undefined, names: readonly string[], id: string | undefined, ids: Declared): void {
  for (const name of names) {
    if (!ids.has(name)) fault(field!, `no model is named ${name}`)
    if (name === id) fault(field!, 'a model cannot fall back to itself')
  }
}

function declareOnce (field: Field, name: string, declared: Declared): void {
  const line = declared.get(name)
  if (line !== undefined) fault(field, `${name} is already declared in line ${line}`)
  else declared.set(name, lineOf(field))
}

function readSecret (field: Field, environment: Environment): string | undefined {
  const variable = readText(field, text => /^[A-Za-z_][A-Za-z0-9_]*$/.test(text), 'the name of an environment variable')
  if (variable === undefined) return undefined
  const key = environment[variable]?.trim()
  if (!key) return fault(field, `the environment variable ${variable} is not set`)
  // what a header can carry; the value itself is never shown
  return /^[!-~]+$/.test(key) ? key : fault(field, `the environment variable ${variable} holds characters that a key cannot have`)
}
