import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startSimulator, type Simulator } from '../../local/simulator/simulator.ts'
import { startTestApi, type TestApi } from '../support/api.ts'

export interface GatewayApi {
  readonly api: TestApi
  /** What the configuration names; the simulator of `api` is not used. */
  readonly simulators: readonly Simulator[]
  readonly close: () => Promise<void>
}

const paths = { openai: '/v1', anthropic: '/anthropic/v1', gemini: '/gemini/v1beta' } as const
export type Dialect = keyof typeof paths

/** One entry of `providers`, in a simulator's dialect. `more` = further fields, each after a comma. */
export function provider (name: string, dialect: Dialect, { url }: Pick<Simulator, 'url'>, more = ''): string {
  return `  - { name: ${name}, kind: ${dialect}, base_url: "${url}${paths[dialect]}"${more} }`
}

/** The api over a configuration file of its own and as many simulators. A stream has a pause between its pieces, so that it is under way when it fails. */
export async function startGatewayApi (simulatorCount: number, write: (simulators: readonly Simulator[]) => string, variables: Readonly<Record<string, string>> = {}): Promise<GatewayApi> {
  const simulators = await Promise.all(Array.from({ length: simulatorCount }, (_, index) => startSimulator({ seed: index + 1, latency: 0, streamInterval: 1 })))
  const folder = mkdtempSync(join(tmpdir(), 'sira-gateway-'))
  const file = join(folder, 'sira.yaml')
  writeFileSync(file, write(simulators))
  const api = await startTestApi({ variables: { SIRA_CONFIG: file, ...variables } })
  return {
    api,
    simulators,
    async close () {
      await api.close()
      await Promise.all(simulators.map(simulator => simulator.close()))
      rmSync(folder, { recursive: true })
    }
  }
}

const upstreams = { openai: 'sim-instant', anthropic: 'sim-claude', gemini: 'sim-gemini' } as const

/**
 * The simulator's models in three dialects, and beside them `DIALECT-limited`, `-failing`, `-broken`, `-stalled`: the same with one attempt
 * each, on providers of their own, so that a circuit that a test's fault opens is no other test's.
 */
export async function startSdkApi (): Promise<GatewayApi & { readonly simulator: Simulator }> {
  const dialects: readonly Dialect[] = ['openai', 'anthropic', 'gemini']
  const faulty = dialects.flatMap(dialect => ['limited', 'failing', 'broken', 'stalled'].map(fault => ({ dialect, name: `${dialect}-${fault}` })))
  const started = await startGatewayApi(1, ([simulator]) => [
    'providers:',
    ...[...dialects.map(dialect => ({ dialect, name: dialect })), ...faulty].map(({ dialect, name }) => provider(name, dialect, simulator!)),
    'models:',
    '  - { id: sim-instant, provider: openai, price: { input: 0.10, cached_input: 0.05, output: 0.40 } }',
    '  - { id: sim-reasoning, provider: openai, price: { input: 1.10, cached_input: 0.55, output: 4.40 } }',
    '  - { id: sim-embed, provider: openai, price: { input: 0.02, output: 0 } }',
    '  - { id: sim-moderation, provider: openai, price: { input: 0, output: 0 } }',
    '  - { id: sim-claude, provider: anthropic, price: { input: 3, cached_input: 0.30, cache_write: 3.75, cache_write_hour: 6, output: 15 } }',
    '  - { id: sim-gemini, provider: gemini, price: { input: 1.25, output: 10 } }',
    '  - { id: sim-gemini-embed, provider: gemini, price: { input: 0.15, output: 0 } }',
    ...faulty.map(({ dialect, name }) => `  - { id: ${name}, provider: ${name}, upstream: ${upstreams[dialect]}, max_attempts: 1, timeout_ms: ${name.endsWith('stalled') ? 300 : 60_000} }`)
  ].join('\n'))
  return { ...started, simulator: started.simulators[0]! }
}

/** A GIF of one pixel. */
export const pixel = 'R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'
