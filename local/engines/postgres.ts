import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { launch, waitUntilReady } from '../launch.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { freePort } from './ports.ts'
import { postgresBinaries, postgresUser, type RunAs } from './postgres-binaries.ts'
import { keptSecret } from './secret.ts'
import { commandLine, endProcess } from '../processes.ts'

export interface PostgresEngine extends Engine {
  /** Superuser, database `sira`. */
  readonly url: string
  readonly port: number
}

/** Starts Postgres on 127.0.0.1 with the database `sira` in it. */
export async function startPostgres (options: EngineOptions): Promise<PostgresEngine> {
  const { dataDir } = options
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  const runAs = postgresUser()
  const native = postgresBinaries(runAs)
  const password = keptSecret(join(dataDir, 'password'))
  const cluster = join(dataDir, 'cluster')
  if (!existsSync(cluster)) initialize(native, cluster, password, runAs)
  await endLeftover(cluster)
  const port = options.port || await freePort()
  const address = (database: string): string => `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`
  const engine = await launchWhenMemoryIsFree(native, cluster, port, options.logFile, runAs, address('postgres'))
  await createDatabase(address('postgres'))
  return { pid: engine.pid, exited: engine.exited, stop: engine.stop, url: address('sira'), port }
}

/**
 * How the cluster is named to Postgres. Run by root, Postgres has another user's rights, and that user may not pass
 * through folders that only root may enter (`.sira` is one). The working directory is entered with root's rights
 * before they are dropped, and on Linux this path leads to it without a walk through its parents.
 */
function clusterPath (cluster: string, runAs: RunAs): string {
  return runAs.uid !== undefined && process.platform === 'linux' ? '/proc/self/cwd' : cluster
}

function initialize (native: string, cluster: string, password: string, runAs: RunAs): void {
  const fresh = `${cluster}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { mode: 0o700 })
  if (runAs.uid !== undefined && runAs.gid !== undefined) chownSync(fresh, runAs.uid, runAs.gid)
  const flags = [
    '--pgdata', clusterPath(fresh, runAs), '--username=postgres', '--auth=scram-sha-256', '--pwfile=/dev/stdin',
    '--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'
  ]
  // Node's stdin is a socket, which /dev/stdin cannot open; `cat |` makes it a pipe.
  const result = spawnSync('/bin/sh', ['-c', 'cat | "$0" "$@"', join(native, 'bin', 'initdb'), ...flags], {
    ...runAs, cwd: fresh, input: `${password}\n`, encoding: 'utf8', env: { PATH: process.env.PATH, TZ: 'UTC' }
  })
  if (result.status !== 0) throw new Error(`initdb failed: ${result.error?.message ?? result.stderr}`)
  renameSync(fresh, cluster)
}

/** A Postgres that outlived whoever started it is stopped; a pid file left by a dead one, whose pid may be another's by now, is removed. */
async function endLeftover (cluster: string): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid')
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8').split('\n')[0])
  if (commandLine(pid).includes('postgres')) await endProcess(pid, 'SIGINT', 10_000)
  rmSync(pidFile, { force: true })
}

async function launchWhenMemoryIsFree (native: string, cluster: string, port: number, logFile: string, runAs: RunAs, url: string): ReturnType<typeof launch> {
  const settings = {
    listen_addresses: '127.0.0.1', port, unix_socket_directories: '', max_connections: 300, timezone: 'UTC', log_timezone: 'UTC'
  }
  const args = ['-D', clusterPath(cluster, runAs), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
  const end = performance.now() + 15_000
  while (true) {
    const engine = await launch({
      name: 'postgres', command: join(native, 'bin', 'postgres'), args, logFile, cwd: cluster, ...runAs,
      env: { PATH: process.env.PATH, TZ: 'UTC' }, stopSignal: 'SIGINT'
    })
    try {
      await waitUntilReady(engine, async () => accepts(url))
      return engine
    } catch (error) {
      // The backends of a postmaster that was killed notice it within moments; until the last has gone, a new one refuses to start.
      if (performance.now() > end || !engine.log().includes('pre-existing shared memory block')) throw error
      await delay(50)
    }
  }
}

async function accepts (url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end()
  }
}

async function createDatabase (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'sira'")
    if (rowCount === 0) await client.query('CREATE DATABASE sira')
  } finally {
    await client.end()
  }
}
