import type { PriceSheet } from '../contracts/prices.ts'
import { isProviderName, providerNameNeeded } from './catalog-names.ts'
import { readPriceSheet } from './catalog-price.ts'
import { optionalProviderKeys, readProvider, requiredProviderKeys } from './catalog-provider.ts'
import { policyKeys, readPolicy, readSettings, settingsKeys } from './catalog-settings.ts'
import type { ModelSettings } from './catalog-settings.ts'
import type { Credential, DeliveryPolicy, ProviderConfig } from './catalog-types.ts'
import { readJson, readMap, readText } from './yaml-fields.ts'

/*
 * The configuration file's rules for plain JSON: bodies of the admin API and columns of the database. Keys are the file's. Each
 * throws SiraError `invalid_parameter` with the path of the first fault; `param` is the value's own name in the request.
 */

/** USD per million tokens (per piece for image and request) → pico-USD per token. Numbers or, exactly, decimal texts. */
export function priceSheetFromJson (value: unknown, param = 'prices'): PriceSheet {
  return readJson(value, param, field => readPriceSheet(field))
}

/** The keys of a model that say how its requests are delivered; what is absent is as the file's default. */
export function policyFromJson (value: unknown, param = 'policy'): DeliveryPolicy {
  return readJson(value, param, field => readPolicy(readMap(field, [], policyKeys) ?? {}))
}

/** Those, and context_window, max_output_tokens and batch_discount. */
export function settingsFromJson (value: unknown, param = 'settings'): ModelSettings {
  return readJson(value, param, field => readSettings(readMap(field, [], settingsKeys) ?? {}))
}

/** A provider as the file has it but without api_key_env: its credentials come from elsewhere. */
export function providerFromJson (value: unknown, credentials: readonly Credential[], param = 'provider'): ProviderConfig {
  const provider = readJson(value, param, field => {
    const keys = readMap(field, requiredProviderKeys, optionalProviderKeys)
    return keys && readProvider(field, readText(keys.name, isProviderName, providerNameNeeded), keys, credentials)
  })
  if (provider === undefined) throw new Error('A value without a fault gave no provider')
  return provider
}
