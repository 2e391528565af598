import test from 'ava'
import { chooseDeployment, peakEwma, type Candidate } from '../../../lib/domain/choose-deployment.ts'
import { seeded } from '../_seeded.ts'

const candidate = (fields: Partial<Candidate> = {}): Candidate => ({ weight: 1, priority: 0, admitted: true, latency: 100, inFlight: 0, ...fields })
const none = (): boolean => false

function share (candidates: readonly Candidate[], draws = 10_000): number[] {
  const random = seeded(7)
  const counts = candidates.map(() => 0)
  for (let draw = 0; draw < draws; draw++) counts[chooseDeployment(candidates, none, random)]! += 1
  return counts.map(count => count / draws)
}

test('deployments that are equally quick share the calls by their weights', t => {
  const [heavy] = share([candidate({ weight: 3 }), candidate()])
  t.true(Math.abs(heavy! - 0.75) < 0.03, `${heavy}`)
})

test('the best priority is chosen as long as it is admitted, then the next', t => {
  const first = candidate({ priority: 0 })
  const second = candidate({ priority: 1 })
  t.is(chooseDeployment([second, first], none, Math.random), 1)
  t.is(chooseDeployment([second, { ...first, admitted: false }], none, Math.random), 0)
  t.is(chooseDeployment([second, first], place => place === 1, Math.random), 0)
  t.is(chooseDeployment([second, first], () => true, Math.random), -1)
})

test('equal deployments share the calls evenly, and one with a weight of zero gets none beside others', t => {
  for (const part of share([candidate(), candidate(), candidate()])) t.true(Math.abs(part - 1 / 3) < 0.03)
  const [, idle] = share([candidate(), candidate({ weight: 0 }), candidate()])
  t.true(idle! < 0.01, `${idle}`)
})

test('of the two drawn the one with less work expected is called, so a slow or busy deployment is kept from load', t => {
  const [slow, quick] = share([candidate({ latency: 400 }), candidate({ latency: 100 })])
  // only when it is drawn twice, which also is how it is seen again
  t.true(slow! > 0.2 && slow! < 0.3, `${slow}`)
  t.true(quick! > 0.7)
  const [busy] = share([candidate({ inFlight: 9 }), candidate()])
  t.true(busy! < 0.3)
})

test('a deployment whose latency is not known counts as quick as the other', t => {
  const [known] = share([candidate({ latency: 5_000 }), candidate({ latency: 0 })])
  t.true(Math.abs(known! - 0.5) < 0.03, `${known}`)
})

test('a hair\'s breadth between two latencies does not outweigh the weights', t => {
  const [heavy] = share([candidate({ weight: 3, latency: 103 }), candidate({ latency: 100 })])
  t.true(Math.abs(heavy! - 0.75) < 0.04, `${heavy}`)
})

test('calls in flight count for the weight, so a deployment of three times the weight has three times as many before it is the busier', t => {
  const [even] = share([candidate({ weight: 3, inFlight: 30 }), candidate({ inFlight: 10 })])
  t.true(Math.abs(even! - 0.75) < 0.03, `${even}`)
  const [busier] = share([candidate({ weight: 3, inFlight: 60 }), candidate({ inFlight: 10 })])
  t.true(busier! < 0.7, `${busier}`)
})

test('however slow a deployment is, it is called for the square of its share at the least', t => {
  const [slow] = share([candidate({ latency: 1e6 }), candidate({ latency: 1, weight: 3 })])
  t.true(Math.abs(slow! - 1 / 16) < 0.01, `${slow}`)
})

test('the latency average takes a slower call in full and a quicker one slowly', t => {
  t.is(peakEwma(0, 120, 0), 120)
  t.is(peakEwma(100, 500, 0), 500)
  t.is(peakEwma(500, 100, 0), 500)
  const later = peakEwma(500, 100, 10_000)
  t.true(later > 240 && later < 255, `${later}`)
  t.is(peakEwma(500, 100, 31_000), 100, 'too old to count')
})
