import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { request } from 'undici'
import type { LoggedCall } from '../../../local/simulator/log.ts'

const program = fileURLToPath(new URL('../../../local/simulator/server.ts', import.meta.url))

function start (options: object): ChildProcess {
  return spawn(process.execPath, ['--import=tsx', program], {
    env: { ...process.env, PORT: '0', SIRA_SIMULATOR_OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'pipe']
  })
}

async function readyUrl (child: ChildProcess): Promise<string> {
  const [line] = await once(createInterface(child.stdout!), 'line') as [string]
  return (JSON.parse(line) as { simulator: { url: string } }).simulator.url
}

test('simulator process: prints its address as one JSON line, serves, and ends on SIGTERM', async t => {
  const child = start({ latency: 0 })
  t.teardown(() => child.kill('SIGKILL'))
  const url = await readyUrl(child)
  t.regex(url, /^http:\/\/127\.0\.0\.1:\d+$/)
  t.is((await request(`${url}/v1/models`)).statusCode, 200)
  child.kill('SIGTERM')
  t.deepEqual(await once(child, 'exit'), [0, null])
})

test('simulator process: its log file has every finished call after a kill', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const logFile = join(folder, 'calls.jsonl')
  const child = start({ latency: 0, logFile })
  t.teardown(() => child.kill('SIGKILL'))
  const url = await readyUrl(child)
  for (let row = 1; row <= 5; row++) {
    const answer = await request(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'x-client-request-id': `row_${row}` },
      body: JSON.stringify({ model: 'sim-fast', messages: [{ role: 'user', content: `Row ${row}` }] })
    })
    await answer.body.dump()
  }
  const answer = await request(`${url}/_sim/calls`)
  const served = await answer.body.text()
  child.kill('SIGKILL')
  await once(child, 'exit')
  const written = await readFile(logFile, 'utf8')
  t.is(written, served)
  const ids = written.trim().split('\n').map(line => (JSON.parse(line) as LoggedCall).client_request_id)
  t.deepEqual(ids, ['row_1', 'row_2', 'row_3', 'row_4', 'row_5'])
})

test('simulator process: refuses to start with an unknown option and names it', async t => {
  const child = start({ latncy: 0 })
  let text = ''
  child.stderr!.on('data', chunk => { text += String(chunk) })
  const [code] = await once(child, 'close') as [number]
  t.not(code, 0)
  t.true(text.includes('latncy'))
})
