import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../local/engines/ports.ts'
import type { Process } from '../../local/launch.ts'
import { startService } from '../../local/services.ts'
import { type Stack, startStack } from '../../local/stack.ts'
import { machineSeconds } from './process-usage.ts'

export interface Bench {
  readonly stack: Stack
  readonly simulator: { readonly url: string, readonly pid: number }
  /** For files; removed at the end. */
  readonly folder: string
}

export const benchModel = 'sim-fast'

interface Options {
  /** Calls to the simulator in flight at once. */
  readonly inFlight: number
  /** After which the benchmark is given up. */
  readonly minutes: number
  readonly env?: Readonly<Record<string, string>>
}

/**
 * Starts a new stack of its own with the simulator as provider, lets `measure` make the report, prints it and removes
 * everything. The exit status is 0 only when `measure` resolved in time.
 */
export async function runBench ({ inFlight, minutes, env = {} }: Options, measure: (bench: Bench) => Promise<string>): Promise<void> {
  await runWith(async folder => await start(folder, inFlight, env), minutes, measure)
}

/** As `runBench`, over whatever `begin` starts. It gets a folder, removed at the end, in which stacks have their data in `data`. */
export async function runWith<T> (begin: (folder: string) => Promise<{ bench: T, stop: () => Promise<void> }>, minutes: number, measure: (bench: T) => Promise<string>): Promise<void> {
  const load = await otherLoad()
  const folder = mkdtempSync(join(tmpdir(), 'sira-bench-'))
  const starting = begin(folder)
  try {
    const measuring = starting.then(async ({ bench }) => await measure(bench))
    console.log(await Promise.race([measuring, interrupted(minutes)]))
    console.log(`\nBefore the start ${load.toFixed(2)} of ${cpus().length} cores were busy.`)
  } catch (error) {
    process.exitCode = 1
    console.error('Not measured:', error)
    for (const name of ['worker', 'api']) {
      const log = join(folder, 'data', 'logs', `${name}.log`)
      if (existsSync(log)) console.error(`The end of the ${name}'s log:\n${readFileSync(log, 'utf8').slice(-4000)}`)
    }
  }
  await starting.then(async ({ stop }) => { await stop() }, () => {})
  rmSync(folder, { recursive: true, force: true })
  process.exit() // what was interrupted may still wait for something
}

/** Cores that are busy while nothing of ours runs: figures of a machine with other work are worth little. */
async function otherLoad (): Promise<number> {
  const [used, started] = [machineSeconds(), performance.now()]
  await delay(2000)
  return (machineSeconds() - used) / (performance.now() - started) * 1000
}

async function interrupted (minutes: number): Promise<never> {
  return await new Promise((_resolve, reject) => {
    setTimeout(() => { reject(new Error(`Not finished after ${minutes} minutes`)) }, minutes * 60_000).unref()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { reject(new Error(signal)) })
  })
}

async function start (folder: string, inFlight: number, env: Readonly<Record<string, string>>): Promise<{ bench: Bench, stop: () => Promise<void> }> {
  const url = `http://127.0.0.1:${await freePort()}`
  let simulator: Process | undefined
  const stopSimulator = async (): Promise<void> => { await simulator?.stop() }
  try {
    simulator = await startService({
      name: 'simulator',
      program: 'local/simulator/server.ts',
      env: { ...process.env, HOST: '127.0.0.1', PORT: new URL(url).port },
      logFile: join(folder, 'simulator.log'),
      isReady: async log => log.includes('"simulator"'),
      stopDeadline: 5000
    }, launched => { simulator = launched })
    const configFile = join(folder, 'sira.yaml')
    writeFileSync(configFile, configuration(url, inFlight))
    // own engines even where the environment names others: a benchmark writes to nobody's database
    const own = { DATABASE_URL: '', TEMPORAL_ADDRESS: '', S3_ENDPOINT: '', S3_BUCKET: '', SIRA_ADMIN_KEY: '', SIRA_WORKFLOW_BUNDLE: join(folder, 'workflow-bundle.js') }
    const stack = await startStack({
      dataDir: join(folder, 'data'),
      compiled: true,
      env: { ...own, SIRA_SIMULATOR_URL: url, SIRA_CONFIG: configFile, ...env },
      say: message => { console.error(message) }
    })
    const stop = async (): Promise<void> => {
      await stack.stop()
      await stopSimulator()
    }
    return { bench: { stack, simulator: { url, pid: simulator.pid }, folder }, stop }
  } catch (error) {
    await stopSimulator()
    throw error
  }
}

function configuration (simulatorUrl: string, inFlight: number): string {
  return `providers:
  - { name: simulator, kind: openai, base_url: ${simulatorUrl}/v1, max_concurrency: ${inFlight} }
models:
  - { id: ${benchModel}, provider: simulator, batch_discount: 0.5, price: { input: 0.15, cached_input: 0.075, output: 0.60 } }
`
}

/** The pid of a process of the stack. A process that was restarted since is another one, so figures taken by pid then fail. */
export function pidOf ({ stack }: Bench, name: 'api' | 'worker'): number {
  const pid = stack.pid(name)
  if (pid === null) throw new Error(`${name} is not running`)
  return pid
}
