import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Connection } from '@temporalio/client'
import { Client as S3Client } from 'minio'
import pg from 'pg'
import type { Engine, EngineOptions } from '../../../local/engines/engine.ts'
import { startPostgres } from '../../../local/engines/postgres.ts'
import { startS3 } from '../../../local/engines/s3.ts'
import { startTemporal } from '../../../local/engines/temporal.ts'
import { temporaryFolder } from '../_temporary.ts'

/** Options below a folder that only its owner may enter, as .sira is. */
function options (t: ExecutionContext): EngineOptions {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'closed'), { mode: 0o700 })
  return { dataDir: join(folder, 'closed', 'engine'), logFile: join(folder, 'log') }
}

async function kill (engine: Engine): Promise<void> {
  process.kill(engine.pid, 'SIGKILL')
  await engine.exited
}

// One cluster for these: making one syncs a thousand files to disk.
const cluster = mkdtempSync(join(tmpdir(), 'sira-postgres-'))
const given: EngineOptions = { dataDir: join(cluster, 'engine'), logFile: join(cluster, 'log') }
test.after.always(() => rmSync(cluster, { recursive: true, force: true }))

test.serial('Postgres killed with SIGKILL comes back on its port with what was committed', async t => {
  const first = await startPostgres(given)
  await query(first.url, 'CREATE TABLE kept (value int)')
  await query(first.url, 'INSERT INTO kept VALUES (7)')
  await kill(first)
  // Meanwhile the pid in Postgres's pid file has become another process's: ours.
  const pidFile = join(given.dataDir, 'cluster', 'postmaster.pid')
  writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(String(first.pid), String(process.pid)))
  const second = await startPostgres({ ...given, port: first.port })
  t.teardown(second.stop)
  t.is(second.url, first.url)
  t.deepEqual(await query(second.url, 'SELECT value FROM kept'), [{ value: 7 }])
})

test.serial('Postgres listens on 127.0.0.1 only, asks for its password and syncs to disk', async t => {
  const engine = await startPostgres(given)
  t.teardown(engine.stop)
  t.deepEqual(await query(engine.url, "SELECT current_setting('listen_addresses') AS addresses, current_setting('fsync') AS fsync"), [{ addresses: '127.0.0.1', fsync: 'on' }])
  const wrong = new URL(engine.url)
  wrong.password = 'wrong'
  await t.throwsAsync(query(wrong.href, 'SELECT 1'), { message: /password authentication failed/ })
  t.is(statSync(join(given.dataDir, 'password')).mode & 0o077, 0)
})

test.serial('a Postgres that outlived its starter is replaced by the next start', async t => {
  const first = await startPostgres(given)
  const second = await startPostgres(given)
  t.teardown(second.stop)
  await first.exited
  t.deepEqual(await query(second.url, 'SELECT 1 AS one'), [{ one: 1 }])
})

test('Temporal killed with SIGKILL comes back on its port with what it knew', async t => {
  const given = options(t)
  const first = await startTemporal(given)
  await withTemporal(first.address, async connection => connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: { SiraTest: 2 } }))
  await kill(first)
  const second = await startTemporal({ ...given, port: first.port, uiPort: first.uiPort })
  t.teardown(second.stop)
  t.is(second.address, first.address)
  const { customAttributes } = await withTemporal(second.address, async connection => connection.operatorService.listSearchAttributes({ namespace: 'default' }))
  t.true('SiraTest' in customAttributes)
  t.is((await fetch(second.uiUrl)).status, 200)
})

test('the S3 server killed with SIGKILL comes back on its port with its objects and keys', async t => {
  const given = options(t)
  const connect = ({ port, accessKey, secretKey }: Awaited<ReturnType<typeof startS3>>): S3Client =>
    new S3Client({ endPoint: '127.0.0.1', port, useSSL: false, accessKey, secretKey, region: 'us-east-1' })
  const first = await startS3(given)
  await connect(first).makeBucket('kept')
  await connect(first).putObject('kept', 'object', 'text')
  await kill(first)
  const second = await startS3({ ...given, port: first.port })
  t.teardown(second.stop)
  t.is(second.endpoint, first.endpoint)
  t.is((await connect(second).statObject('kept', 'object')).size, 4)
})

async function query (url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    return (await client.query<Record<string, unknown>>(text)).rows
  } finally {
    await client.end()
  }
}

async function withTemporal<T> (address: string, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address })
  try {
    return await work(connection)
  } finally {
    await connection.close()
  }
}
