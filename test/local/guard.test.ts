import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'
import { startTime } from '../../local/processes.ts'
import { temporaryFolder } from './_temporary.ts'

test('what a process has launched ends when that process is killed with SIGKILL', async t => {
  const launchModule = new URL('../../local/launch.ts', import.meta.url).href
  const child = 'setInterval(() => {}, 1000)'
  const script = `
    import { launch } from ${JSON.stringify(launchModule)}
    const options = { name: 'child', command: process.execPath, logFile: ${JSON.stringify(join(temporaryFolder(t), 'log'))} }
    const polite = await launch({ ...options, args: ['-e', ${JSON.stringify(child)}] })
    const other = await launch({ ...options, args: ['-e', ${JSON.stringify(child)}] })
    console.log(JSON.stringify([polite.pid, other.pid]))
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface({ input: parent.stdout }), 'line') as [string]
  const pids = JSON.parse(line) as number[]
  t.true(pids.every(pid => startTime(pid) !== null))
  parent.kill('SIGKILL')
  const deadline = performance.now() + 15_000
  while (pids.some(pid => startTime(pid) !== null) && performance.now() < deadline) await new Promise(resolve => setTimeout(resolve, 20))
  t.deepEqual(pids.map(startTime), [null, null])
})
