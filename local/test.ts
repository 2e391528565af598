import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import pg from 'pg'
import { migrate } from '../lib/store/migrate.ts'
import { type AvaCounts, countAvaResults } from './ava-output.ts'
import { startPostgres } from './engines/postgres.ts'
import { startS3 } from './engines/s3.ts'
import { startTemporal } from './engines/temporal.ts'
import type { Process } from './launch.ts'

/**
 * `npm test [-- files and ava flags]`: starts one Postgres, one Temporal and one S3 server in a temporary folder, makes
 * the template database that test files clone, compiles what tests start as processes, runs ava, and stops everything. The last line is
 * `N passed, N failed`.
 */
const started: Process[] = []
const folder = mkdtempSync(join(tmpdir(), 'sira-test-'))
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { interrupted = true })

let result: AvaCounts = { passed: 0, failed: 1 }
try {
  // both to their end: an engine that came up after a failure would be left behind
  const [starting, compiling] = await Promise.allSettled([startEngines(), compile()] as const)
  if (starting.status === 'rejected') throw starting.reason
  if (compiling.status === 'rejected') throw compiling.reason
  const engines = starting.value
  if (!interrupted) result = await runAva(engines)
} catch (error) {
  console.error(error)
} finally {
  await Promise.all(started.map(async engine => engine.stop()))
  rmSync(folder, { recursive: true, force: true })
}
if (interrupted) console.log('Interrupted.')
if (result.passed + result.failed === 0) console.log('No test ran.')
console.log(`${result.passed} passed, ${result.failed} failed`)
process.exitCode = result.failed > 0 || result.passed === 0 || interrupted ? 1 : 0

async function startEngines (): Promise<Record<string, string>> {
  const options = (name: string): { dataDir: string, logFile: string } => ({ dataDir: join(folder, name), logFile: join(folder, `${name}.log`) })
  const keep = async <T extends Process>(starting: Promise<T>): Promise<T> => {
    const engine = await starting
    started.push(engine)
    return engine
  }
  const results = await Promise.allSettled([
    keep(startPostgres(options('postgres'))), keep(startTemporal(options('temporal'))), keep(startS3(options('s3')))
  ] as const)
  const [postgres, temporal, s3] = results.map(outcome => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  }) as [Awaited<ReturnType<typeof startPostgres>>, Awaited<ReturnType<typeof startTemporal>>, Awaited<ReturnType<typeof startS3>>]
  await createTemplate(postgres.url)
  return {
    SIRA_TEST_DATABASE_URL: postgres.url,
    SIRA_TEST_TEMPORAL_ADDRESS: temporal.address,
    SIRA_TEST_TEMPORAL_UI_URL: temporal.uiUrl,
    SIRA_TEST_S3_ENDPOINT: s3.endpoint,
    SIRA_TEST_S3_ACCESS_KEY: s3.accessKey,
    SIRA_TEST_S3_SECRET_KEY: s3.secretKey,
    SIRA_TEST_WORKFLOW_BUNDLE: join(folder, 'workflow-bundle.js')
  }
}

/** As `npm run build`: tests of whole processes run what the image runs. */
async function compile (): Promise<void> {
  try {
    await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], { cwd: join(import.meta.dirname, '..') })
  } catch (error) {
    throw new Error(`It does not compile:\n${(error as { stdout?: string }).stdout ?? ''}`, { cause: error })
  }
}

async function createTemplate (url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('CREATE DATABASE sira_template')
  await client.end()
  const template = new URL(url)
  template.pathname = '/sira_template'
  await migrate(template.href)
}

async function runAva (engines: Record<string, string>): Promise<AvaCounts> {
  const ava = spawn(process.execPath, ['node_modules/ava/entrypoints/cli.mjs', ...process.argv.slice(2)], {
    cwd: join(import.meta.dirname, '..'),
    env: { ...process.env, ...engines },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ava.kill(signal))
  const closed = new Promise<number | null>(resolve => ava.once('close', resolve))
  const lines: string[] = []
  for await (const line of createInterface({ input: ava.stdout })) {
    console.log(line)
    lines.push(line)
  }
  return countAvaResults(lines, await closed)
}
