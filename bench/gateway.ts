import { setTimeout as sleep } from 'node:timers/promises'
import type { LoadTarget, Timing } from './support/gateway-load.ts'
import { startGatewayBench, type GatewayBench, type Sira } from './support/gateway-stack.ts'
import { chunkCount, longChunkCount } from './support/gateway-wire.ts'
import { readOptions } from './support/options.ts'
import { formatReport, median, percentile, whole, type Line } from './support/report.ts'
import { runWith } from './support/stack.ts'

// The gateway, compiled as in the image, beside a direct call and a bare pass-through in the same run: CPU per request and stream, added time,
// many open streams, memory over time, several processes. Every answer is checked by the caller, and every part ends with its usage counted.
const options = readOptions(
  { requests: 20_000, streams: 8_000, rounds: 5, seconds: 20, 'in-flight': 32, 'open-streams': 1_000, minutes: 10, 'soak-in-flight': 2, processes: 2 },
  ['requests', 'streams', 'latency', 'open-streams', 'soak', 'processes'])
const inFlight = options['in-flight']
const rate = 100
const MiB = 1024 * 1024

await runWith(startGatewayBench, 20 + options.minutes, async bench => {
  const { parts } = options
  const lines: Line[] = []
  const sira = await bench.startSira(1)
  if (parts.has('requests')) lines.push(...await cpuLines(bench, sira, false, options.requests, 0.25))
  if (parts.has('streams')) lines.push(...await cpuLines(bench, sira, true, options.streams, 0.6))
  if (parts.has('latency')) lines.push(...await addedLines(bench, sira))
  if (parts.has('open-streams')) lines.push(...await openStreamLines(bench, sira))
  if (parts.has('soak')) lines.push(...await memoryLines(bench, sira))
  if (parts.has('processes')) lines.push(...await processLines(bench, sira))
  return formatReport(lines)
})

/** Pass-through and Sira in turn, so that both see the same machine. CPU counts until the usage is in the books. */
async function cpuLines (bench: GatewayBench, sira: Sira, stream: boolean, calls: number, limit: number): Promise<Line[]> {
  const run = async (target: LoadTarget, count: number): Promise<number> => {
    const { answered, seconds } = await bench.load.run({ kind: 'closed', target, stream, inFlight, calls: count, seconds: Infinity })
    if (target.key !== null) await sira.expectUsage(answered)
    return answered / seconds
  }
  const measure = async (target: LoadTarget, cpu: () => number): Promise<{ ms: number, perSecond: number }> => {
    const before = cpu()
    const perSecond = await run(target, calls)
    return { ms: (cpu() - before) / calls * 1000, perSecond }
  }
  const targets = { passThrough: bench.passThrough.target('fast'), sira: sira.target('fast') }
  for (const target of Object.values(targets)) await run(target, calls) // nobody is measured cold
  const rounds: Array<Record<keyof typeof targets, { ms: number, perSecond: number }>> = []
  for (let round = 0; round < options.rounds; round++) {
    rounds.push({ passThrough: await measure(targets.passThrough, bench.passThrough.cpu), sira: await measure(targets.sira, sira.cpu) })
  }
  const middle = (who: keyof typeof targets, what: 'ms' | 'perSecond'): number => median(rounds.map(round => round[who][what]))
  const ratios = rounds.map(round => round.sira.ms / round.passThrough.ms)
  const what = stream ? `${chunkCount}-chunk stream` : 'request'
  return [
    { measure: `CPU per ${what}, ${inFlight} in flight`, baseline: `${middle('passThrough', 'ms').toFixed(3)} ms (pass-through)`, sira: `${middle('sira', 'ms').toFixed(3)} ms = ${median(ratios).toFixed(1)}× (${Math.min(...ratios).toFixed(1)} to ${Math.max(...ratios).toFixed(1)})`, budget: { limit, value: middle('sira', 'ms') } },
    { measure: `${what}s a second meanwhile`, baseline: `${whole(middle('passThrough', 'perSecond'))} (pass-through)`, sira: whole(middle('sira', 'perSecond')) }
  ]
}

/** Direct, pass-through and Sira take turns call by call, each at the whole rate. */
async function addedLines (bench: GatewayBench, sira: Sira): Promise<Line[]> {
  const lines: Line[] = []
  const warm = await bench.load.run({ kind: 'closed', target: sira.target('fast'), stream: false, inFlight, calls: 5_000, seconds: Infinity })
  const warmStreams = await bench.load.run({ kind: 'closed', target: sira.target('fast'), stream: true, inFlight, calls: 1_000, seconds: Infinity })
  await sira.expectUsage(warm.answered + warmStreams.answered)
  const measure = async (model: LoadTarget['model'], stream: boolean, what: keyof Timing, shares: ReadonlyArray<{ name: string, share: number, limit?: number }>): Promise<void> => {
    const targets = [bench.direct(model), bench.passThrough.target(model), sira.target(model)]
    const { timings } = await bench.load.run({ kind: 'open', targets, stream, rate, seconds: options.seconds })
    await sira.expectUsage(timings[2]!.length)
    for (const { name, share, limit } of shares) {
      const [direct, passThrough, ours] = timings.map(of => percentile(of.map(timing => timing[what]), share)) as [number, number, number]
      const added = ours - direct
      lines.push({
        measure: `${rate}/s${model === 'slow' ? ', answered after 50 ms' : ''}: added ${name}`,
        baseline: `${(passThrough - direct).toFixed(2)} ms (pass-through), direct ${direct.toFixed(2)} ms`,
        sira: `${added.toFixed(2)} ms = ${(added / (passThrough - direct)).toFixed(1)}×`,
        ...(limit === undefined ? {} : { budget: { limit, value: added } })
      })
    }
  }
  await measure('fast', false, 'ms', [{ name: 'time, p50', share: 0.5, limit: 0.8 }, { name: 'time, p99', share: 0.99, limit: 3 }])
  await measure('paced', true, 'firstMs', [{ name: 'time to the first chunk, p50', share: 0.5, limit: 1 }])
  await measure('slow', false, 'ms', [{ name: 'time, p50', share: 0.5 }, { name: 'time, p99', share: 0.99 }])
  await measure('slow', true, 'firstMs', [{ name: 'time to the first chunk, p50', share: 0.5 }])
  return lines
}

/** The caller's process fails the run when a chunk is missing, twice or out of order. */
async function openStreamLines (bench: GatewayBench, sira: Sira): Promise<Line[]> {
  const count = options['open-streams']
  const longestGap = async (target: LoadTarget): Promise<number> => {
    const { timings } = await bench.load.run({ kind: 'streams', target, count })
    return Math.max(...timings[0]!.map(timing => timing.longestGapMs))
  }
  const direct = await longestGap(bench.direct('long'))
  const before = sira.memory()
  let most = before
  const timer = setInterval(() => { most = Math.max(most, sira.memory()) }, 200)
  const gap = await longestGap(sira.target('long'))
  clearInterval(timer)
  await sira.expectUsage(count)
  const shown = (bytes: number): string => `${whole(bytes / MiB)} MB`
  return [
    { measure: `${whole(count)} open streams of ${longChunkCount} chunks, one every 200 ms: chunks lost`, baseline: '0 (direct)', sira: '0' },
    { measure: 'the same, longest time without a chunk', baseline: `${whole(direct)} ms (direct)`, sira: `${whole(gap)} ms`, budget: { limit: 1_000, value: gap } },
    { measure: 'the same, most api RSS', baseline: `${shown(before)} (before)`, sira: shown(most), budget: { limit: 250, value: most / MiB } }
  ]
}

/** Requests and streams in turn for some minutes, at a modest rate; the first third warms up, then memory must not rise. */
async function memoryLines (bench: GatewayBench, sira: Sira): Promise<Line[]> {
  const seconds = options.minutes * 60
  const samples: Array<{ at: number, bytes: number }> = []
  const startedAt = performance.now()
  const timer = setInterval(() => { samples.push({ at: (performance.now() - startedAt) / 60_000, bytes: sira.memory() / MiB }) }, 1_000)
  let answered = 0
  // in turn, so that one order at a time goes to the caller's process
  for (let part = 0; part < options.minutes * 6; part++) {
    const result = await bench.load.run({ kind: 'closed', target: sira.target('fast'), stream: part % 2 === 1, inFlight: options['soak-in-flight'], calls: Infinity, seconds: seconds / (options.minutes * 6) })
    answered += result.answered
  }
  clearInterval(timer)
  await sira.expectUsage(answered)
  const warm = samples.slice(Math.floor(samples.length / 3))
  return [
    { measure: `${options.minutes} min of requests and streams in turn: answered, usage counted`, baseline: '', sira: whole(answered) },
    { measure: 'the same, api RSS after a third of the time → end, MB (rise by linear fit)', baseline: '', sira: `${whole(warm[0]!.bytes)} → ${whole(warm.at(-1)!.bytes)} (${slope(warm).toFixed(1)} MB/min)`, budget: { limit: 2, value: slope(warm) } }
  ]
}

function slope (samples: ReadonlyArray<{ at: number, bytes: number }>): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [at, bytes] = [mean(samples.map(sample => sample.at)), mean(samples.map(sample => sample.bytes))]
  const spread = samples.reduce((sum, sample) => sum + (sample.at - at) ** 2, 0)
  return samples.reduce((sum, sample) => sum + (sample.at - at) * (sample.bytes - bytes), 0) / spread
}

/** Caller and upstream share the cores with the processes that are measured, so this shows less than a machine with room would. */
async function processLines (bench: GatewayBench, first: Sira): Promise<Line[]> {
  const measure = async (sira: Sira): Promise<{ perSecond: number, cores: number }> => {
    const run = async (seconds: number) => await bench.load.run({ kind: 'closed', target: sira.target('fast'), stream: false, inFlight: inFlight * 2, calls: Infinity, seconds })
    await sira.expectUsage((await run(3)).answered)
    const before = sira.cpu()
    const { answered, seconds } = await run(10)
    const cores = (sira.cpu() - before) / seconds
    await sira.expectUsage(answered)
    return { perSecond: answered / seconds, cores }
  }
  const shown = ({ perSecond, cores }: { perSecond: number, cores: number }): string => `${whole(perSecond)}/s with ${cores.toFixed(2)} cores`
  const one = await measure(first)
  await sleep(1_000)
  const several = await measure(await bench.startSira(options.processes))
  return [{ measure: `requests a second with ${options.processes} api processes`, baseline: `${shown(one)} (one process)`, sira: `${shown(several)} = ${(several.perSecond / one.perSecond).toFixed(2)}×` }]
}
