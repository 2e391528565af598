import type { Credential, ProviderConfig } from './catalog-types.ts'
import { isBaseUrl } from './catalog-names.ts'
import { vendors } from './vendors.ts'
import type { Vendor, VendorKind } from './vendors.ts'
import { fault, readInteger, readText, readWord } from './yaml-fields.ts'
import type { Field } from './yaml-fields.ts'

export const requiredProviderKeys = ['name', 'kind'] as const
export const optionalProviderKeys = ['base_url', 'credential_use', 'api_version', 'max_concurrency', 'requests_per_minute', 'tokens_per_minute'] as const
export const vendorKinds = Object.keys(vendors) as readonly VendorKind[]

const defaultConcurrency = 256

/** undefined when a fault keeps it from being a provider. Its name is read by the caller, who declares it in any case. */
export function readProvider (
  field: Field, name: string | undefined, keys: Readonly<Partial<Record<typeof requiredProviderKeys[number] | typeof optionalProviderKeys[number], Field>>>, credentials: readonly Credential[]
): ProviderConfig | undefined {
  const kind = readWord(keys.kind, vendorKinds)
  const vendor: Vendor | undefined = kind && vendors[kind]
  const given = readText(keys.base_url, isBaseUrl, 'an http:// or https:// URL without credentials, query and fragment')
  if (keys.base_url === undefined && vendor?.baseUrl === null) fault(field, 'base_url is missing')
  const baseUrl = given ?? vendor?.baseUrl ?? undefined
  const credentialUse = readWord(keys.credential_use, ['spread', 'first'])
  const apiVersion = readText(keys.api_version, text => /^[\w.-]{1,64}$/.test(text), 'a version such as 2025-04-01-preview')
  if (keys.api_version !== undefined && kind !== undefined && kind !== 'azure') fault(keys.api_version, 'only a provider of kind azure has one')
  const maxConcurrency = readInteger(keys.max_concurrency, 1, 10_000)
  const requestsPerMinute = readInteger(keys.requests_per_minute, 1, 1_000_000_000)
  const tokensPerMinute = readInteger(keys.tokens_per_minute, 1, 1_000_000_000_000)
  if (name === undefined || kind === undefined || baseUrl === undefined) return undefined
  return {
    name,
    kind,
    baseUrl: baseUrl.replace(/\/+$/, ''),
    credentials,
    credentialUse: credentialUse ?? 'spread',
    apiVersion: apiVersion ?? null,
    maxConcurrency: maxConcurrency ?? defaultConcurrency,
    requestsPerMinute: requestsPerMinute ?? null,
    tokensPerMinute: tokensPerMinute ?? null
  }
}
