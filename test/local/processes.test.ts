import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import { commandLine, endProcess, startTime } from '../../local/processes.ts'

test('a living process has a start time that does not change, a dead one has none', async t => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  await once(child, 'spawn')
  const pid = child.pid as number
  const started = startTime(pid)
  t.not(started, null)
  t.is(startTime(pid), started)
  t.true(commandLine(pid).includes('setInterval'))
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.is(startTime(pid), null)
  t.is(commandLine(pid), '')
})

test('a process that ignores SIGTERM is killed after the deadline', async t => {
  const child = spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); console.log("ready"); setInterval(() => {}, 1000)'])
  await once(child.stdout, 'data')
  await endProcess(child.pid as number, 'SIGTERM', 200)
  t.is(startTime(child.pid as number), null)
})
