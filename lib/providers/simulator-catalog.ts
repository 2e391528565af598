import type { Catalog } from './catalog-types.ts'
import { parseCatalog } from './catalog-file.ts'

/** What a machine without a configuration file has: the simulator's models (local/simulator/README.md), with invented prices. */
const models = `
models:
  - { id: sim-instant, provider: simulator, batch_discount: 0.5, price: { input: 0.10, cached_input: 0.05, output: 0.40 } }
  - { id: sim-fast, provider: simulator, batch_discount: 0.5, price: { input: 0.15, cached_input: 0.075, output: 0.60 } }
  - { id: sim-slow, provider: simulator, batch_discount: 0.5, price: { input: 2.50, cached_input: 1.25, output: 10 } }
  - { id: sim-reasoning, provider: simulator, batch_discount: 0.5, price: { input: 1.10, cached_input: 0.55, output: 4.40 } }
  - { id: sim-embed, provider: simulator, batch_discount: 0.5, price: { input: 0.02, output: 0 } }
  - { id: sim-embed-large, provider: simulator, batch_discount: 0.5, price: { input: 0.13, output: 0 } }
  - { id: sim-moderation, provider: simulator, batch_discount: 0.5, price: { input: 0, output: 0 } }
`

/** The simulator as the only provider. It asks for no key. */
export function simulatorCatalog (simulatorUrl: string): Catalog {
  const baseUrl = `${simulatorUrl.replace(/\/+$/, '')}/v1`
  const provider = `providers: [{ name: simulator, kind: openai, base_url: ${JSON.stringify(baseUrl)}, max_concurrency: 256 }]`
  return parseCatalog('simulator', provider + models, {})
}
