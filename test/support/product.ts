import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import OpenAI from 'openai'
import pg from 'pg'
import { startSimulator, type Simulator, type StartOptions } from '../../local/simulator/simulator.ts'
import { startStack, type Stack } from '../../local/stack.ts'
import { createTestTenant } from './tenant.ts'
import { cloneDatabase } from './database.ts'
import { testEnvironment } from './config.ts'
import { engineVariable } from './engines.ts'

/** Somebody who uses the product: one key of one organization. */
export interface User {
  readonly key: string
  readonly openai: OpenAI
  /** A request to the native API, made once: an outage is the caller's to meet. */
  request: (method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>) => Promise<Response>
}

/** The whole product as processes, with the outside world (the simulator) in this one. */
export interface Product {
  readonly stack: Stack
  readonly simulator: Simulator
  readonly pool: pg.Pool
  /** The stack's first key. */
  readonly user: User
  /** A key of an organization of its own. */
  createUser: () => Promise<User>
  /** ms on the clock of the simulator's call log. */
  clock: () => number
  /** Aborted when the product is stopped. */
  readonly stopped: AbortSignal
  stop: () => Promise<void>
}

export interface ProductOptions {
  /** `own` are started for this stack and may be killed; `shared` are those of the test run, quicker to have. */
  readonly engines: 'own' | 'shared'
  readonly latency: NonNullable<StartOptions['latency']>
  readonly maxConcurrency?: number
  readonly workerCount?: number
  readonly apiCount?: number
  readonly env?: Readonly<Record<string, string>>
  /** Further models of the configuration file, each a line of YAML. */
  readonly models?: readonly string[]
}

/** What the models cost here, as an operator would write it. test/product/support/prices.ts has the same, worked out by hand. */
const catalog = (simulatorUrl: string, maxConcurrency: number): string => `
providers:
  - { name: simulator, kind: openai, base_url: "${simulatorUrl}/v1", max_concurrency: ${maxConcurrency} }
models:
  - { id: sim-fast, provider: simulator, batch_discount: 0.5, price: { input: 0.15, cached_input: 0.075, output: 0.60 } }
  - { id: sim-reasoning, provider: simulator, batch_discount: 0.5, price: { input: 1.10, cached_input: 0.55, output: 4.40 } }
`

/** Starts the product in a temporary folder. `stop` ends and removes everything. */
export async function startProduct (options: ProductOptions): Promise<Product> {
  const { engines, latency, maxConcurrency = 64, workerCount = 1, apiCount = 1 } = options
  const folder = mkdtempSync(join(tmpdir(), 'sira-product-'))
  const undo: Array<() => Promise<void> | void> = [() => { rmSync(folder, { recursive: true, force: true }) }]
  const stopped = new AbortController()
  const stop = async (): Promise<void> => {
    stopped.abort()
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const simulator = await startSimulator({ seed: 1, latency })
    undo.push(simulator.close)
    const zero = performance.now() - simulator.stats().uptime_ms
    const config = join(folder, 'sira.yaml')
    writeFileSync(config, [catalog(simulator.url, maxConcurrency).trimEnd(), ...(options.models ?? []), ''].join('\n'))
    let shared: Record<string, string> = {}
    if (engines === 'shared') {
      const database = await cloneDatabase()
      undo.push(database.drop)
      shared = testEnvironment({ DATABASE_URL: database.url })
    }
    const env = { ...shared, SIRA_WORKFLOW_BUNDLE: engineVariable('WORKFLOW_BUNDLE'), LOG_LEVEL: 'info', SIRA_SIMULATOR_URL: simulator.url, SIRA_CONFIG: config, ...options.env }
    const stack = await startStack({ dataDir: join(folder, 'data'), workerCount, apiCount, compiled: true, env })
    undo.push(stack.stop)
    const pool = new pg.Pool({ connectionString: stack.databaseUrl, max: 4 })
    pool.on('error', () => {}) // an idle connection, when Postgres is killed
    undo.push(async () => { await pool.end() })
    return {
      stack,
      simulator,
      pool,
      user: userOf(stack.apiUrl, stack.apiKey),
      createUser: async () => userOf(stack.apiUrl, (await createTestTenant(pool)).key),
      clock: () => performance.now() - zero,
      stopped: stopped.signal,
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function userOf (apiUrl: string, key: string): User {
  return {
    key,
    openai: new OpenAI({ apiKey: key, baseURL: `${apiUrl}/v1` }),
    request: async (method, path, body, headers = {}) => await fetch(`${apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000)
    })
  }
}
