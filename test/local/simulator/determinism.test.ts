import test from 'ava'
import { drawLatency } from '../../../local/simulator/latency.ts'
import type { LatencySpec } from '../../../local/simulator/latency.ts'
import { digestBytes, draw } from '../../../local/simulator/random.ts'
import type { Simulator } from '../../../local/simulator/simulator.ts'
import { chat, simulatorFor } from './helpers.ts'

interface ChatBody { readonly choices: readonly unknown[], readonly usage: unknown, readonly id: string }

async function outcomes (simulator: Simulator): Promise<unknown[]> {
  const seen: unknown[] = []
  for (let call = 0; call < 40; call++) {
    const answer = await chat(simulator, `Row ${call % 20}`, { model: 'sim-reasoning' })
    const { choices, usage } = await answer.body.json() as ChatBody
    seen.push([answer.statusCode, choices, usage])
  }
  return seen
}

test('simulator: the same seed gives the same texts, usage and faults in another run, another seed does not', async t => {
  const faults = [{ kind: '500', rate: 0.3 }]
  const first = await outcomes(await simulatorFor(t, { seed: 7, faults }))
  const second = await outcomes(await simulatorFor(t, { seed: 7, faults }))
  const other = await outcomes(await simulatorFor(t, { seed: 8, faults }))
  t.deepEqual(first, second)
  t.notDeepEqual(first, other)
})

test('simulator: ids differ from call to call though the answer is the same', async t => {
  const simulator = await simulatorFor(t)
  const [first, second] = await Promise.all([0, 1].map(async () => await (await chat(simulator, 'Hello')).body.json() as ChatBody))
  t.deepEqual(first!.choices, second!.choices)
  t.not(first!.id, second!.id)
})

const digests = Array.from({ length: 4001 }, (_, index) => digestBytes(Buffer.from(`body ${index}`)))
const sorted = (spec: LatencySpec): number[] => digests.map(digest => drawLatency(spec, 1, digest)).sort((one, other) => one - other)

test('simulator: latencies follow their distribution and do not change between draws', t => {
  t.deepEqual(new Set(sorted(120)), new Set([120]))
  t.deepEqual(new Set(sorted({ kind: 'fixed', ms: 7 })), new Set([7]))
  const uniform = sorted({ kind: 'uniform', min: 100, max: 300 })
  t.true(uniform[0]! >= 100 && uniform[0]! < 105 && uniform.at(-1)! <= 300 && uniform.at(-1)! > 295)
  for (const spec of [
    { kind: 'uniform', min: 100, max: 300 }, { kind: 'exponential', p50: 200 }, { kind: 'lognormal', p50: 200, sigma: 0.4 }
  ] as const) {
    const all = sorted(spec)
    t.true(Math.abs(all[2000]! - 200) < 12, `${spec.kind} p50 ${all[2000]}`)
    t.deepEqual(all, sorted(spec))
  }
  // The 84th percentile of a lognormal is p50 times e to the sigma.
  t.true(Math.abs(sorted({ kind: 'lognormal', p50: 200, sigma: 0.4 })[3366]! - 298) < 20)
})

test('simulator: draws are spread evenly and digests of similar bodies differ', t => {
  const tenths = Array.from({ length: 10 }, () => 0)
  for (const digest of digests) tenths[Math.floor(draw(1, digest, 3) * 10)]!++
  t.true(tenths.every(count => count > 320 && count < 480), tenths.join())
  t.is(new Set(digests).size, digests.length)
})

test('simulator: the latency set for a model wins over the general one, and null brings the model\'s own back', async t => {
  const simulator = await simulatorFor(t, { latency: 60_000, latencies: { 'sim-slow': 0 } })
  const started = performance.now()
  await (await chat(simulator, 'Hello', { model: 'sim-slow' })).body.dump()
  simulator.setOptions({ latency: { kind: 'fixed', ms: 120 } })
  await (await chat(simulator, 'Hello')).body.dump()
  const [slow, fast] = simulator.calls()
  t.true(slow!.finished_ms! - slow!.started_ms < 100)
  t.true(fast!.finished_ms! - fast!.started_ms >= 118)
  simulator.setOptions({ latency: null })
  await (await chat(simulator, 'Hello', { model: 'sim-instant' })).body.dump()
  t.true(performance.now() - started < 10_000)
})
