import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import OpenAI, { toFile } from 'openai'
import { followJob } from '../../local/demo/follow-job.ts'
import { sampleBatch } from '../../local/demo/sample-batch.ts'
import { isFree } from '../../local/engines/ports.ts'
import { startTime } from '../../local/processes.ts'
import { type Stack, type StackOptions, startStack } from '../../local/stack.ts'
import type { StackFile } from '../../local/stack-file.ts'
import { testEnvironment } from '../support/config.ts'
import { cloneDatabase, type TestDatabase } from '../support/database.ts'

// With the suite's engines in place of its own: what is looked at here is how our processes are kept.
const folder = mkdtempSync(join(tmpdir(), 'sira-stack-'))
const dataDir = join(folder, 'data')
let database: TestDatabase
let options: StackOptions
let stack: Stack

test.before(async () => {
  database = await cloneDatabase()
  options = { dataDir, apiCount: 2, workerCount: 2, env: testEnvironment({ DATABASE_URL: database.url }) }
  stack = await startStack(options)
})
test.after.always(async () => {
  await (stack as Stack | undefined)?.stop()
  await database.drop()
  rmSync(folder, { recursive: true, force: true })
})

const stackFile = (): StackFile => JSON.parse(readFileSync(join(dataDir, 'stack.json'), 'utf8')) as StackFile

test.serial('a stack uses the engines that the environment names and starts the processes that are missing', async t => {
  const file = stackFile()
  t.is(file.databaseUrl, database.url)
  t.deepEqual(Object.keys(file.pids).sort(), ['api', 'api-2', 'simulator', 'worker', 'worker-2'])
  for (const [name, pid] of Object.entries(file.pids)) {
    t.is(pid, stack.pid(name))
    t.not(startTime(pid ?? 0), null, name)
  }
  for (const url of stack.apiUrls) t.is((await fetch(`${url}/readyz`)).status, 200)
  t.is((await fetch(`${stack.apiUrl}/v1/models`, { headers: { authorization: `Bearer ${stack.apiKey}` } })).status, 200)
  t.is((await fetch(`${stack.apiUrl}/v1/models`, { headers: { authorization: `Bearer ${stack.adminKey}x` } })).status, 401)
})

test.serial('what a stack keeps can be read by its owner only', t => {
  t.is(statSync(dataDir).mode & 0o077, 0)
  for (const name of readdirSync(dataDir, { recursive: true, encoding: 'utf8' })) {
    const status = statSync(join(dataDir, name))
    if (/json$|lock$|log$/.test(name)) t.is(status.mode & 0o077, 0, name)
  }
})

test.serial('a second stack from the same folder is refused and says whose it is', async t => {
  await t.throwsAsync(startStack(options), { message: new RegExp(`running from .* already \\(pid ${process.pid}\\).*--data`) })
  t.is((await fetch(`${stack.apiUrl}/livez`)).status, 200)
})

test.serial('an api or worker that is killed is there again, and stack.json says so', async t => {
  for (const name of ['api', 'worker-2']) {
    const old = stackFile().pids[name] as number
    const fresh = await stack.kill(name)
    t.not(fresh, old)
    t.is(stackFile().pids[name], fresh)
    t.is(startTime(old), null)
  }
  t.is((await fetch(`${stack.apiUrl}/readyz`)).status, 200)
})

test.serial('who follows a batch sees it to its end, ever further, through a kill of the api', async t => {
  const openai = new OpenAI({ apiKey: stack.apiKey, baseURL: `${stack.apiUrl}/v1` })
  const lines = sampleBatch().split('\n').slice(0, 600).map(line => `${line}\n`).join('')
  const file = await openai.files.create({ file: await toFile(Buffer.from(lines), 'batch.jsonl'), purpose: 'batch' })
  const batch = await openai.batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' })
  let killed: Promise<number> | undefined
  const done: number[] = []
  const last = await followJob(stack.apiUrl, stack.apiKey, batch.id, ({ counts }) => {
    done.push(counts.succeeded + counts.failed)
    if ((done.at(-1) ?? 0) > 0) killed ??= stack.kill('api')
  })
  t.truthy(killed)
  await killed
  t.deepEqual([last.state, last.counts], ['succeeded', { total: 600, succeeded: 598, failed: 2 }])
  t.deepEqual(done, [...done].sort((a, b) => a - b))
})

test.serial('a stopped stack leaves no process, port or lock, and the next one has the same keys', async t => {
  const { pids } = stackFile()
  await stack.stop()
  for (const [name, pid] of Object.entries(pids)) t.is(startTime(pid ?? 0), null, name)
  for (const url of stack.apiUrls) t.true(await isFree(Number(new URL(url).port)))
  t.false(existsSync(join(dataDir, 'lock')))
  const { apiKey, adminKey } = stack
  stack = await startStack({ ...options, apiCount: 1, workerCount: 0 })
  t.deepEqual([stack.apiKey, stack.adminKey], [apiKey, adminKey])
  t.is((await fetch(`${stack.apiUrl}/v1/models`, { headers: { authorization: `Bearer ${apiKey}` } })).status, 200)
})
