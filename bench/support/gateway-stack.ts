import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createKeyText } from '../../lib/store/keys.ts'
import { startStack, type Stack } from '../../local/stack.ts'
import { startServer } from './child.ts'
import { startLoad, type Load, type LoadTarget } from './gateway-load.ts'
import { requestBody } from './gateway-wire.ts'
import { cpuSeconds, residentBytes } from './process-usage.ts'

/** One started Sira, with keys, limits, budgets and usage on. */
export interface Sira {
  readonly target: (model: LoadTarget['model']) => LoadTarget
  /** CPU seconds of all its api processes so far. */
  readonly cpu: () => number
  /** Bytes of the largest of its api processes. */
  readonly memory: () => number
  /** Waits until all usage is in the books. Throws unless exactly `answered` more requests are in it than at the last call. */
  readonly expectUsage: (answered: number) => Promise<void>
  readonly stop: () => Promise<void>
}

export interface GatewayBench {
  readonly load: Load
  readonly direct: (model: LoadTarget['model']) => LoadTarget
  readonly passThrough: { readonly target: (model: LoadTarget['model']) => LoadTarget, readonly cpu: () => number }
  /** Starts a new stack; only one at a time. */
  readonly startSira: (processes: number) => Promise<Sira>
}

/** The upstream, the pass-through and the load, each a process of its own. Stacks come later. */
export async function startGatewayBench (folder: string): Promise<{ bench: GatewayBench, stop: () => Promise<void> }> {
  const upstream = await startServer('gateway-upstream.ts')
  const passThrough = await startServer('gateway-pass-through.ts', [upstream.url])
  const load = startLoad()
  const key = createKeyText()
  const configFile = join(folder, 'sira.yaml')
  writeFileSync(configFile, configuration(upstream.url))
  let running: Sira | null = null
  const at = (url: string) => (model: LoadTarget['model']): LoadTarget => ({ url, path: `/${model}/v1/chat/completions`, key: null, model })
  return {
    bench: {
      load,
      direct: at(upstream.url),
      passThrough: { target: at(passThrough.url), cpu: () => cpuSeconds(passThrough.pid) },
      async startSira (processes) {
        await running?.stop()
        running = null // the next may not start, and what is stopped cannot be stopped again
        running = await startSira(folder, { SIRA_CONFIG: configFile, SIRA_BENCH_KEY: key, SIRA_API_PROCESSES: String(processes) }, key)
        return running
      }
    },
    async stop () {
      await running?.stop()
      for (const process of [load, passThrough, upstream]) process.stop()
    }
  }
}

async function startSira (folder: string, env: Readonly<Record<string, string>>, key: string): Promise<Sira> {
  // own engines even where the environment names others: a benchmark writes to nobody's database
  const own = { DATABASE_URL: '', TEMPORAL_ADDRESS: '', S3_ENDPOINT: '', S3_BUCKET: '', SIRA_ADMIN_KEY: '' }
  const stack = await startStack({ dataDir: join(folder, 'data'), workerCount: 0, compiled: true, env: { ...own, ...env }, say: message => { console.error(message) } })
  const pool = new pg.Pool({ connectionString: stack.databaseUrl, max: 1 })
  const target = (model: LoadTarget['model']): LoadTarget => ({ url: stack.apiUrl, path: '/v1/chat/completions', key, model })
  let known = 0
  const count = async (): Promise<number> => Number((await pool.query<{ count: string }>('SELECT count(*) FROM usage WHERE status = 200')).rows[0]!.count)
  try {
    known = await count() // of a stack before this one, over the same database
    known += await untilServing(target('fast'))
    const pids = serving(stack, Number(env.SIRA_API_PROCESSES))
    const sira: Sira = {
      target,
      cpu: () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
      memory: () => Math.max(...pids.map(residentBytes)),
      async expectUsage (answered) {
        const wanted = known + answered
        const deadline = performance.now() + 30_000
        let found = await count()
        while (found < wanted && performance.now() < deadline) {
          await sleep(50)
          found = await count()
        }
        if (found !== wanted) throw new Error(`${wanted} requests were answered, ${found} are in the usage`)
        known = wanted
      },
      async stop () {
        await pool.end()
        await stack.stop()
      }
    }
    await sira.expectUsage(0)
    return sira
  } catch (error) {
    await pool.end()
    await stack.stop()
    throw error
  }
}

/** Until the configuration file's key is known. Returns how many requests were answered meanwhile. */
async function untilServing ({ url, path, key }: LoadTarget): Promise<number> {
  const deadline = performance.now() + 20_000
  for (;;) {
    const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: requestBody('fast', false) })
    const text = await response.text()
    if (response.ok) return 1
    if (performance.now() > deadline) throw new Error(`Sira does not serve: ${response.status} ${text}`)
    await sleep(100)
  }
}

/** The processes that serve: with several, the children of the first. */
function serving (stack: Stack, processes: number): number[] {
  const pid = stack.pid('api')
  if (pid === null) throw new Error('The api is not running')
  if (processes === 1) return [pid]
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
  if (children.length !== processes) throw new Error(`${children.length} api processes run, not ${processes}`)
  return children
}

/** Limits and budgets that all requests count against and none meets. */
function configuration (upstream: string): string {
  const names = ['fast', 'slow', 'paced', 'long']
  return `providers:
${names.map(name => `  - { name: ${name}, kind: openai, base_url: "${upstream}/${name}/v1", max_concurrency: 2000 }`).join('\n')}
models:
${names.map(name => `  - { id: ${name}, provider: ${name}, price: { input: 0.15, cached_input: 0.075, output: 0.60 } }`).join('\n')}
organizations:
  - { id: org_bench, name: Bench }
projects:
  - { id: proj_bench, organization: org_bench, name: Bench }
keys:
  - { id: key_bench, project: proj_bench, name: Bench, key_env: SIRA_BENCH_KEY, scopes: [inference] }
limits:
  - { kind: key, subject: key_bench, requests_per_minute: 100000000, tokens_per_minute: 100000000000, concurrency: 100000 }
  - { kind: organization, subject: org_bench, requests_per_minute: 100000000, tokens_per_minute: 100000000000 }
budgets:
  - { kind: key, subject: key_bench, period: day, amount: 1000000 }
  - { kind: organization, subject: org_bench, period: month, amount: 1000000 }
`
}
