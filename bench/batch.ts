import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Socket } from 'socket.io-client'
import { connectSocket, uploadInput } from './support/client.ts'
import { writeInput } from './support/input-file.ts'
import { readOptions } from './support/options.ts'
import { startPlainLoop, type PlainLoop } from './support/plain-loop.ts'
import { cpuSeconds, machineSeconds, scriptThreadSeconds } from './support/process-usage.ts'
import { formatReport, median, whole, type Line } from './support/report.ts'
import { runBatch, runLoop, type Run, type Work } from './support/runs.ts'
import { callTime } from './support/simulator.ts'
import { pidOf, runBench, type Bench } from './support/stack.ts'

/** CPU seconds used during a run. */
interface Used { readonly loop: number, readonly worker: number, readonly script: number, readonly api: number, readonly simulator: number, readonly machine: number }
type Measured = Run & { readonly used: Used }
interface Pair { readonly loop: Measured, readonly sira: Measured & { readonly flowSeconds: number } }

// The loop and Sira in turn, over the same input, against the same simulator: wall time, CPU per row, and how fast at no latency.
const options = readOptions({ pairs: 3, rows: 10_000, latency: 200, 'in-flight': 256, 'ceiling-rows': 50_000 })
const inFlight = options['in-flight']

await runBench({ inFlight, minutes: 15 }, async bench => {
  const loop = startPlainLoop(bench.simulator.url, inFlight)
  const socket = await connectSocket(bench)
  const measure = async (rows: number, latency: number, pairs: number): Promise<Pair[]> => await runPairs(bench, loop, socket, await prepare(bench, rows, latency), pairs)
  await measure(2_000, 0, 1) // nobody is measured cold
  const usual = await measure(options.rows, options.latency, options.pairs)
  const ceiling = await measure(options['ceiling-rows'], 0, options.pairs)
  return formatReport([...usualLines(usual), ...ceilingLines(ceiling)])
})

async function prepare (bench: Bench, rows: number, latency: number): Promise<Work> {
  const inputPath = join(bench.folder, `${rows}-rows.jsonl`)
  await writeInput(inputPath, rows)
  return { rows, latency, inputPath, inputFileId: await uploadInput(bench, inputPath) }
}

async function runPairs (bench: Bench, loop: PlainLoop, socket: Socket, work: Work, count: number): Promise<Pair[]> {
  const read = (): Used => ({
    loop: cpuSeconds(loop.pid),
    worker: cpuSeconds(pidOf(bench, 'worker')),
    script: scriptThreadSeconds(pidOf(bench, 'worker')) ?? NaN,
    api: cpuSeconds(pidOf(bench, 'api')),
    simulator: cpuSeconds(bench.simulator.pid),
    machine: machineSeconds()
  })
  const pairs: Pair[] = []
  for (let number = 1; number <= count; number++) {
    const loopSide = await withUsage(read, async onCompleted => await runLoop(bench, loop, work, onCompleted))
    const siraSide = await withUsage(read, async onCompleted => await runBatch(bench, socket, work, onCompleted))
    const flowSeconds = (await callTime(bench, { number: work.rows }) - await callTime(bench, {})) / 1000
    pairs.push({ loop: loopSide, sira: { ...siraSide, flowSeconds } })
    console.error(`${whole(work.rows)} rows at ${work.latency} ms, pair ${number}: loop ${loopSide.seconds.toFixed(2)} s, Sira ${siraSide.seconds.toFixed(2)} s`)
  }
  return pairs
}

async function withUsage (read: () => Used, run: (onCompleted: () => void) => Promise<Run>): Promise<Measured> {
  const before = read()
  let after = before
  const result = await run(() => { after = read() })
  const used = Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name as keyof Used]])) as unknown as Used
  return { ...result, used }
}

function usualLines (pairs: readonly Pair[]): Line[] {
  const title = `${whole(options.rows)} rows at ${options.latency} ms, ${inFlight} in flight`
  const ratio = (pair: Pair): number => pair.sira.seconds / pair.loop.seconds
  const perRow = (read: (pair: Pair) => number): string => `${(median(pairs.map(read)) * 1000 / options.rows).toFixed(3)} ms`
  const factor = median(pairs.map(({ loop, sira }) => (sira.used.worker + sira.used.api) / loop.used.loop))
  const middle = median(pairs.map(ratio))
  return [
    ...pairs.map((pair, index) => ({
      measure: `${title}: create → completed, pair ${index + 1}`,
      baseline: `${pair.loop.seconds.toFixed(2)} s`,
      sira: `${pair.sira.seconds.toFixed(2)} s = ${ratio(pair).toFixed(3)}×`
    })),
    { measure: 'the same, median of the ratios', baseline: '1×', sira: `${middle.toFixed(3)}×`, budget: { limit: 1.08, value: middle } },
    { measure: 'most calls in flight at the provider', baseline: String(median(pairs.map(pair => pair.loop.mostInFlight))), sira: String(median(pairs.map(pair => pair.sira.mostInFlight))) },
    {
      measure: 'CPU per row (median; worker + api)',
      baseline: perRow(pair => pair.loop.used.loop),
      sira: `${perRow(pair => pair.sira.used.worker + pair.sira.used.api)} (${perRow(pair => pair.sira.used.worker)} + ${perRow(pair => pair.sira.used.api)}), ${factor.toFixed(1)}×`
    }
  ]
}

function ceilingLines (pairs: readonly Pair[]): Line[] {
  const rows = options['ceiling-rows']
  const of = (read: (pair: Pair) => number): number => median(pairs.map(read))
  const rate = of(pair => rows / pair.sira.seconds)
  const cores = (side: 'loop' | 'sira', name: keyof Used): number => of(pair => pair[side].used[name] / pair[side].seconds)
  const share = (side: 'loop' | 'sira', name: keyof Used): string => Number.isNaN(cores(side, name)) ? '?' : cores(side, name).toFixed(2)
  return [
    { measure: `${whole(rows)} rows at 0 ms: rows/s, create → completed (median)`, baseline: whole(of(pair => rows / pair.loop.seconds)), sira: whole(rate), budget: { limit: 6000, value: rate, atLeast: true } },
    { measure: 'the same between the first and the last call', baseline: '', sira: whole(of(pair => rows / pair.sira.flowSeconds)) },
    { measure: 'bound by', baseline: bound(cores('loop', 'loop'), cores('loop', 'machine')), sira: bound(cores('sira', 'script'), cores('sira', 'machine')) },
    {
      measure: 'cores busy meanwhile (mean)',
      baseline: `loop ${share('loop', 'loop')}, simulator ${share('loop', 'simulator')}, machine ${share('loop', 'machine')}`,
      sira: `worker ${share('sira', 'worker')}, of it its JS thread ${share('sira', 'script')}; api ${share('sira', 'api')}, simulator ${share('sira', 'simulator')}, machine ${share('sira', 'machine')}`
    }
  ]
}

/** What had nothing left to give. A JS thread that must also wait now and then does not reach a whole core. */
function bound (thread: number, machine: number): string {
  const full = [thread >= 0.85 ? 'its JS thread' : null, machine >= 0.95 * cpus().length ? 'all cores of the machine' : null]
  return full.filter(what => what !== null).join(' and ') || 'waiting: neither a JS thread nor the cores were full'
}
