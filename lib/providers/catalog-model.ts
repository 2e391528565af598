import type { PriceSheet } from '../contracts/prices.ts'
import type { TokenPrices } from '../domain/price.ts'
import { discountSheet } from './catalog-price.ts'
import type { ModelSettings } from './catalog-settings.ts'
import type { DeploymentConfig, ModelConfig } from './catalog-types.ts'

const threePrices: ReadonlySet<string> = new Set(['input', 'cachedInput', 'output'])

/** A model of one or more deployments, from the file or from the database. Throws when there is no deployment. */
export function buildModel ({ id, deployments, settings }: { id: string, deployments: readonly DeploymentConfig[], settings: ModelSettings }): ModelConfig {
  // sorting is stable: within a priority they stay as configured
  const ordered = deployments.toSorted((a, b) => a.priority - b.priority)
  const first = ordered[0]
  if (first === undefined) throw new Error(`The model ${id} has no deployment`)
  const batchSheet = discountSheet(first.prices, settings.batchDiscount)
  return {
    id,
    provider: first.provider,
    upstream: first.upstream,
    prices: tokenPrices(first.prices),
    batchPrices: tokenPrices(batchSheet),
    ...Object.keys(batchSheet).every(kind => threePrices.has(kind)) ? {} : { batchSheet },
    deployments: ordered,
    policy: settings.policy,
    contextWindow: settings.contextWindow,
    maxOutputTokens: settings.maxOutputTokens
  }
}

function tokenPrices (sheet: PriceSheet): TokenPrices {
  const price = (text: string | null | undefined): bigint | null => text == null ? null : BigInt(text)
  return { input: price(sheet.input), cachedInput: price(sheet.cachedInput), output: price(sheet.output) }
}
