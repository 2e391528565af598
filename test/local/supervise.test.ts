import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { launch, type Process, waitUntilReady } from '../../local/launch.ts'
import { startTime } from '../../local/processes.ts'
import { supervise, type Supervised } from '../../local/supervise.ts'
import { temporaryFolder } from './_temporary.ts'

const patient = 'console.log("ready"); setInterval(() => {}, 1000)'

/** Supervises a node process running `script`, which is ready once it has printed "ready". */
async function superviseScript (t: ExecutionContext, script: string): Promise<{ child: Supervised, starts: () => number, messages: string[] }> {
  const folder = temporaryFolder(t)
  const starts = join(folder, 'starts')
  const messages: string[] = []
  const start = async (launched: (process: Process) => void): Promise<Process> => {
    appendFileSync(starts, '.')
    const process = await launch({ name: 'script', command: globalThis.process.execPath, args: ['-e', script], logFile: join(folder, 'log') })
    launched(process)
    await waitUntilReady(process, async () => process.log().includes('ready'))
    return process
  }
  const child = await supervise({ name: 'script', start, onChange: () => {}, say: message => messages.push(message) })
  t.teardown(child.stop)
  return { child, starts: () => existsSync(starts) ? readFileSync(starts).length : 0, messages }
}

test('a process that is killed is replaced at once by one with another pid', async t => {
  const { child, messages } = await superviseScript(t, patient)
  const first = child.pid() as number
  const killedAt = performance.now()
  child.kill()
  const second = await child.replaced(first)
  t.not(second, first)
  t.is(child.pid(), second)
  t.is(startTime(first), null)
  t.true(performance.now() - killedAt < 2000)
  t.deepEqual(messages, ['script ended (SIGKILL); starting it again'])
})

test('a process killed with a downtime is not there before the time has passed', async t => {
  const { child } = await superviseScript(t, patient)
  const first = child.pid() as number
  const killedAt = performance.now()
  child.kill('SIGKILL', 800)
  await child.replaced(first)
  t.true(performance.now() - killedAt >= 800)
})

test('a process that dies again and again is started ever more slowly', async t => {
  const { child, starts } = await superviseScript(t, 'console.log("ready"); setTimeout(() => process.exit(3), 100)')
  const first = child.pid() as number
  const second = await child.replaced(first)
  const third = await child.replaced(second)
  const thirdAt = performance.now()
  await child.replaced(third)
  t.true(performance.now() - thirdAt >= 500, 'the third restart waits 500 ms')
  t.is(starts(), 4)
})

test('a stopped process stays away', async t => {
  const { child, starts } = await superviseScript(t, patient)
  const pid = child.pid() as number
  await child.stop()
  t.is(startTime(pid), null)
  t.is(child.pid(), null)
  t.is(starts(), 1)
  await child.stop()
})

test('stopping ends a restart that is waiting or under way', async t => {
  const { child } = await superviseScript(t, patient)
  child.kill('SIGKILL', 60_000)
  const stoppedAt = performance.now()
  await child.stop()
  t.true(performance.now() - stoppedAt < 5000)
})

test('a first start that fails is an error with the end of the log', async t => {
  await t.throwsAsync(superviseScript(t, 'console.error("no such table"); process.exit(1)'), { message: /script exited with 1 before it was ready:\nno such table/ })
})
