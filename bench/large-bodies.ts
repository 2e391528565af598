import { setTimeout as sleep } from 'node:timers/promises'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { largeRequests, type LargeRequest } from '../test/support/large-requests.ts'
import { watchLoop } from '../test/support/loop-watch.ts'
import { answerOf, startChild } from './support/child.ts'
import { readOptions } from './support/options.ts'
import { formatReport, type Line } from './support/report.ts'
import { pidOf, runBench, type Bench } from './support/stack.ts'
import { residentBytes, watchMemory } from './support/process-usage.ts'

// How long a body of this size holds up the api's event loop, surface by surface, beside small bodies in the same run. Each is sent
// `rounds` times, after once to warm up; the longest hold of all counts: work of its thread without a pause, and by the
// clock, beside that of a process that does nothing: the cores are shared with the threads, the caller and the simulator.
const options = readOptions({ megabytes: 25, rounds: 5, together: 8 })
const most = 50
const folder = mkdtempSync(join(tmpdir(), 'sira-loop-'))
const loop = watchLoop(folder)
const bystander = startChild('bystander.ts')

process.on('exit', () => { rmSync(folder, { recursive: true, force: true }) })
// the simulator's own catalog, which has every surface
await runBench({ inFlight: 64, minutes: 5, env: { SIRA_CONFIG: '', ...loop.env } }, async bench => {
  const lines: Line[] = []
  const small = largeRequests(1_000)
  const large = largeRequests(options.megabytes * 1_000_000)
  // the batch last: once made it runs, and takes from the cores
  const batch = 'a batch with its requests'
  const names = Object.keys(large).filter(name => name !== batch)
  for (const name of names) await send(bench, small[name]!)
  const idle = residentBytes(pidOf(bench, 'api'))
  const first = await holdOf(async () => { await send(bench, large[names[0]!]!) })
  lines.push({ measure: `the first body of ${options.megabytes} MB, which starts a thread: longest hold of the event loop`, baseline: '', sira: shown(first), budget: { limit: most, value: first.cpu } })
  const memory = watchMemory(pidOf(bench, 'api'))
  const measure = async (name: string): Promise<void> => {
    await send(bench, large[name]!)
    const before = await holdOf(async () => { for (let round = 0; round < options.rounds * 20; round++) await send(bench, small[name]!) })
    const hold = await holdOf(async () => { for (let round = 0; round < options.rounds; round++) await send(bench, large[name]!) })
    lines.push({ measure: `${options.megabytes} MB to ${name}`, baseline: `1 kB: ${shown(before)}`, sira: shown(hold), budget: { limit: most, value: hold.cpu } })
  }
  for (const name of names) await measure(name)
  const all = await holdOf(async () => { await Promise.all(Array.from({ length: options.together }, async (_, place) => { await send(bench, large[names[place % names.length]!]!) })) })
  lines.push({ measure: `${options.together} of them at once`, baseline: '', sira: shown(all), budget: { limit: most, value: all.cpu } })
  await measure(batch)
  const peak = memory.end()
  await sleep(65_000) // idle threads end after a minute
  const after = residentBytes(pidOf(bench, 'api'))
  lines.push({ measure: 'RSS of the api: most of all that, and a minute later', baseline: `${megabytes(idle)} (before)`, sira: `${megabytes(peak)}, ${megabytes(after)}` })
  return formatReport(lines)
})

interface Hold { readonly cpu: number, readonly wall: number, readonly bystander: number }

async function holdOf (work: () => Promise<void>): Promise<Hold> {
  await loop.longest()
  await bystanderHold()
  await work()
  return { ...await loop.longest(), bystander: await bystanderHold() }
}

async function bystanderHold (): Promise<number> {
  bystander.send('')
  return (await answerOf<[number]>(bystander))[0]
}

async function send ({ stack }: Bench, { path, body }: LargeRequest): Promise<void> {
  const response = await fetch(stack.apiUrl + path, { method: 'POST', headers: { authorization: `Bearer ${stack.apiKey}`, 'content-type': 'application/json' }, body })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 500)}`)
}

function shown ({ cpu, wall, bystander }: Hold): string { return `${cpu.toFixed(1)} ms (by the clock ${wall.toFixed(1)} ms, a bystander ${bystander.toFixed(1)} ms)` }
function megabytes (bytes: number): string { return `${Math.round(bytes / 1024 / 1024)} MB` }
