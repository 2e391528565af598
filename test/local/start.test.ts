import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test, { type ExecutionContext } from 'ava'
import { startTime } from '../../local/processes.ts'
import type { StackFile } from '../../local/stack-file.ts'
import { testEnvironment } from '../support/config.ts'
import { cloneDatabase } from '../support/database.ts'
import { temporaryFolder } from './_temporary.ts'

interface Run { readonly child: ChildProcess, readonly lines: string[], readonly exit: Promise<number | null> }

/** Runs `npm start -- <flags>`. A line that contains `until` is waited for. */
async function start (t: ExecutionContext, flags: readonly string[], env: Record<string, string>, until?: string): Promise<Run> {
  const child = spawn(process.execPath, ['local/run.mjs', 'start', ...flags], { cwd: join(import.meta.dirname, '..', '..'), env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const exit = once(child, 'exit').then(([code]) => code as number | null)
  const lines: string[] = []
  const output = createInterface({ input: child.stdout })
  output.on('line', line => lines.push(line))
  if (until !== undefined) {
    await Promise.race([
      new Promise<void>(resolve => output.on('line', line => { if (line.includes(until)) resolve() })),
      exit.then(code => { throw new Error(`npm start exited with ${code}:\n${lines.join('\n')}`) })
    ])
  }
  return { child, lines, exit }
}

test.serial('npm start runs the sample batch on engines of its own, its commands work, and SIGINT ends every process', async t => {
  t.timeout(180_000)
  const dataDir = join(temporaryFolder(t), 'data')
  const { child, lines, exit } = await start(t, ['--data', dataDir, '--port', '0'], {}, 'Ctrl-C')
  const stack = JSON.parse(readFileSync(join(dataDir, 'stack.json'), 'utf8')) as StackFile
  t.deepEqual(Object.keys(stack.pids).sort(), ['api', 'postgres', 's3', 'simulator', 'temporal', 'worker'])

  const text = lines.join('\n')
  t.regex(text, /1,992 answered, 8 failed/)
  t.true(lines.some(line => /^running {2}[\d,]+\/2,000 rows.* rows\/s {2}ETA .* tokens {2}\$/.test(line)), 'progress is drawn')
  t.false(text.includes('\u001b'), 'plain lines when it is not a terminal')
  t.true(text.includes(stack.apiKey) && text.includes(stack.temporalUiUrl ?? 'none'))
  t.is(readFileSync(join(dataDir, 'demo', 'output.jsonl'), 'utf8').trimEnd().split('\n').length, 1992)
  t.is(readFileSync(join(dataDir, 'demo', 'errors.jsonl'), 'utf8').trimEnd().split('\n').length, 8)

  const commands = lines.filter(line => line.startsWith('  curl')).map(line => line.trim().replace('curl', 'curl --fail'))
  t.is(commands.length, 3)
  const answers = commands.map(command => execFileSync('/bin/sh', ['-c', command], { encoding: 'utf8' }))
  t.is((JSON.parse(answers[0] ?? '') as { status: string }).status, 'completed')
  t.is(answers[1]?.trimEnd().split('\n').length, 8)
  t.is(typeof (JSON.parse(answers[2] ?? '') as { id: string }).id, 'string')

  child.kill('SIGINT')
  t.is(await exit, 0)
  for (const [name, pid] of Object.entries(stack.pids)) t.is(startTime(pid ?? 0), null, name)
})

test.serial('npm start --exit leaves with status 1 when the sample batch does not complete', async t => {
  const database = await cloneDatabase()
  t.teardown(database.drop)
  const env = testEnvironment({ DATABASE_URL: database.url, SIRA_BATCH_MAX_ROWS: '100' })
  const { lines, exit } = await start(t, ['--exit', '--data', join(temporaryFolder(t), 'data'), '--port', '0'], env)
  t.is(await exit, 1)
  t.true(lines.some(line => line.includes('The sample batch failed') && line.includes('too_many_rows')), lines.join('\n'))
})

test.serial('npm start --no-demo --exit starts, takes another port when its own is busy, and leaves with status 0', async t => {
  const database = await cloneDatabase()
  t.teardown(database.drop)
  const env = testEnvironment({ DATABASE_URL: database.url })
  const busy = new URL(env.SIRA_SIMULATOR_URL ?? env.S3_ENDPOINT ?? '').port
  const { lines, exit } = await start(t, ['--no-demo', '--exit', '--data', join(temporaryFolder(t), 'data'), '--port', busy], env)
  t.is(await exit, 0)
  const api = /http:\/\/127\.0\.0\.1:(\d+)\/v1/.exec(lines.join('\n'))?.[1]
  t.truthy(api)
  t.not(api, busy)
  t.false(lines.some(line => line.includes('sample batch')))
})

test.serial('npm start refuses an unknown flag with status 2 and the help', async t => {
  const { lines, exit } = await start(t, ['--demo-only'], {})
  t.is(await exit, 2)
  t.true(lines.some(line => line.includes('--no-demo')))
})
