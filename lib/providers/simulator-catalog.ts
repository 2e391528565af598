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
  - id: sim-claude
    provider: simulator-anthropic
    batch_discount: 0.5
    price: { input: 3, cached_input: 0.30, cache_write: 3.75, cache_write_hour: 6, output: 15 }
  - id: sim-gemini
    provider: simulator-gemini
    batch_discount: 0.5
    price: { input: 1.25, cached_input: 0.31, output: 10, reasoning: 10, input_audio: 2, above: [{ input_tokens: 200000, input: 2.50, cached_input: 0.62, output: 15, reasoning: 15 }] }
  - id: sim-balanced
    batch_discount: 0.5
    deployments:
      - { provider: simulator, upstream: sim-fast, weight: 3, price: { input: 0.15, cached_input: 0.075, output: 0.60 } }
      - { provider: simulator, upstream: sim-instant, price: { input: 0.10, cached_input: 0.05, output: 0.40 } }
`

/** The simulator in each of the wire formats that it speaks. It asks for no key. */
export function simulatorCatalog (simulatorUrl: string): Catalog {
  const url = simulatorUrl.replace(/\/+$/, '')
  const provider = (name: string, kind: string, path: string): string =>
    `  - { name: ${name}, kind: ${kind}, base_url: ${JSON.stringify(url + path)}, max_concurrency: 256 }\n`
  const providers = 'providers:\n' + provider('simulator', 'openai', '/v1') +
    provider('simulator-anthropic', 'anthropic', '/anthropic/v1') + provider('simulator-gemini', 'gemini', '/gemini/v1beta')
  return parseCatalog('simulator', providers + models, {})
}
