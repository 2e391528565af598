import { chmodSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { loadConfig } from '../lib/config.ts'
import { ensureBootstrapTenant } from '../lib/store/keys.ts'
import { freePort, isFree } from './engines/ports.ts'
import { localKeys } from './keys.ts'
import { takeLock } from './lock.ts'
import { prepare } from './prepare.ts'
import { answersReady, startService } from './services.ts'
import { engineEnvironment, startEngines } from './stack-engines.ts'
import { endLeftovers, readStackFile, type StackFile, writeStackFile } from './stack-file.ts'
import { supervise, type Supervised, type SupervisedOptions } from './supervise.ts'

export interface StackOptions {
  readonly dataDir: string
  /** Of the first api; another free one is taken when it is busy. 0 or absent = a free one. */
  readonly port?: number
  readonly apiCount?: number
  /** Runs what `npm run build` made, as the image does, in place of the sources. */
  readonly compiled?: boolean
  readonly workerCount?: number
  /** Added to the environment of all processes; DATABASE_URL and the like count here too. */
  readonly env?: Readonly<Record<string, string>>
  /** Told what happens; default: nobody. */
  readonly say?: (message: string) => void
}

type Description = Omit<StackFile, 'pids' | 'started'>

export interface Stack extends Description {
  readonly dataDir: string
  /** By the names of stack.json. null while the process is being restarted. */
  pid: (name: string) => number | null
  /**
   * Signals a process, by default with SIGKILL; it stays down for `downtime` ms at least. Resolves with the pid of the
   * ready process that took its place.
   */
  kill: (name: string, signal?: NodeJS.Signals, downtime?: number) => Promise<number>
  /** Stops everything, callers before those they call. */
  stop: () => Promise<void>
}

/** Time for calls in flight to end, and a little more (ms). */
const drainDeadline = 30_000

/**
 * Everything Sira needs on one machine, as child processes that are restarted when they die. What the environment names
 * (DATABASE_URL, TEMPORAL_ADDRESS, S3_ENDPOINT, SIRA_SIMULATOR_URL) is used instead of being started.
 */
export async function startStack (options: StackOptions): Promise<Stack> {
  const { apiCount = 1, compiled = false, workerCount = 1, say = () => {} } = options
  const environment: Readonly<Record<string, string | undefined>> = { ...process.env, ...options.env }
  const program = (path: string): string => compiled ? `dist/${path}.js` : `${path}.ts`
  const dataDir = resolve(options.dataDir)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  chmodSync(dataDir, 0o700)
  const lock = takeLock(join(dataDir, 'lock'))
  if ('holder' in lock) {
    throw new Error(`A stack is running from ${dataDir} already (pid ${lock.holder ?? 'unknown'}). Stop it first, or choose another folder with --data.`)
  }

  const stackFile = join(dataDir, 'stack.json')
  const logFile = (name: string): string => join(dataDir, 'logs', `${name}.log`)
  const children: Supervised[] = []
  let description: Description | undefined
  const record = (): void => {
    if (description === undefined) return
    writeStackFile(stackFile, { ...description, pids: Object.fromEntries(children.map(child => [child.name, child.pid()])) })
  }
  const supervised = async (name: string, start: SupervisedOptions['start']): Promise<void> => {
    children.push(await supervise({ name, start, onChange: record, say }))
  }
  const stop = async (): Promise<void> => {
    await stopInOrder(children)
    lock.unlock()
  }

  try {
    const previous = readStackFile(stackFile)
    if (previous !== null) await endLeftovers(previous)
    const keys = localKeys(join(dataDir, 'keys.json'))
    const adminKey = environment.SIRA_ADMIN_KEY || keys.adminKey
    const engines = await startEngines({ dataDir, environment, previous, supervised, logFile, say })
    const env = {
      SIRA_WORKFLOW_BUNDLE: join(dataDir, 'workflow-bundle.js'),
      MALLOC_ARENA_MAX: '2', // glibc keeps memory for each thread otherwise; Temporal's core has many
      SIRA_JOURNAL_DIR: join(dataDir, 'journal'), // its own: usage of the dead goes into the database of whoever finds it
      SIRA_ENCRYPTION_KEYS: keys.encryptionKeys,
      SIRA_ALLOW_HTTP_PROVIDERS: 'true', // the simulator, and models on this machine
      // receivers on this machine
      SIRA_WEBHOOK_ALLOW_HTTP: 'true',
      SIRA_WEBHOOK_ALLOW_PORTS: 'any',
      SIRA_WEBHOOK_ALLOW_NETWORKS: '127.0.0.0/8',
      ...environment,
      ...engineEnvironment(engines),
      SIRA_ADMIN_KEY: adminKey,
      LOG_LEVEL: fileLogLevel(environment.LOG_LEVEL)
    }
    await prepare(loadConfig(env))
    await createKeys(engines.databaseUrl, adminKey, keys.userKey)

    const apiUrls = await chooseUrls(apiCount, options.port)
    const starting = [
      ...apiUrls.map(async (url, index) => {
        const name = numbered('api', index)
        const apiEnv = { ...env, HOST: '127.0.0.1', PORT: new URL(url).port }
        const service = { name, program: program('api/server'), env: apiEnv, logFile: logFile(name), isReady: async () => answersReady(url), stopDeadline: drainDeadline }
        await supervised(name, async launched => startService(service, launched))
      }),
      ...Array.from({ length: workerCount }, async (_, index) => {
        const name = numbered('worker', index)
        const isReady = async (log: string): Promise<boolean> => log.includes('"worker ready"')
        const service = { name, program: program('worker/main'), env, logFile: logFile(name), isReady, stopDeadline: drainDeadline }
        await supervised(name, async launched => startService(service, launched))
      })
    ]
    const failed = (await Promise.allSettled(starting)).find(outcome => outcome.status === 'rejected')
    if (failed !== undefined) throw failed.reason

    description = { apiUrl: apiUrls[0] ?? '', apiUrls, apiKey: keys.userKey, adminKey, ...engines }
    record()
    return { dataDir, ...description, ...controls(children), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function controls (children: readonly Supervised[]): Pick<Stack, 'pid' | 'kill'> {
  const find = (name: string): Supervised => {
    const child = children.find(candidate => candidate.name === name)
    if (child === undefined) throw new Error(`The stack has no process ${name}, only ${children.map(candidate => candidate.name).join(', ')}`)
    return child
  }
  return {
    pid: name => find(name).pid(),
    kill: async (name, signal = 'SIGKILL', downtime = 0) => {
      const child = find(name)
      const pid = child.pid()
      if (pid === null) throw new Error(`${name} is not running`)
      child.kill(signal, downtime)
      return await child.replaced(pid)
    }
  }
}

async function stopInOrder (children: readonly Supervised[]): Promise<void> {
  const ours = children.filter(child => /^(api|worker)/.test(child.name))
  await Promise.all(ours.map(async child => child.stop()))
  await Promise.all(children.filter(child => !ours.includes(child)).map(async child => child.stop()))
}

async function createKeys (databaseUrl: string, adminKey: string, userKey: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 })
  try {
    await ensureBootstrapTenant(pool, { adminKey, userKey })
  } finally {
    await pool.end()
  }
}

async function chooseUrls (count: number, preferred = 0): Promise<string[]> {
  const ports = new Set<number>()
  if (preferred > 0 && count > 0) ports.add(await isFree(preferred) ? preferred : await freePort())
  while (ports.size < count) ports.add(await freePort())
  return [...ports].map(port => `http://127.0.0.1:${port}`)
}

/** That a worker is ready is known by a line of level info, so nothing quieter will do. */
function fileLogLevel (level: string | undefined): string {
  return level === 'debug' || level === 'trace' ? level : 'info'
}

function numbered (name: string, index: number): string {
  return index === 0 ? name : `${name}-${index + 1}`
}
