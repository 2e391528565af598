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

test('a deployment never called is tried before one whose latency is known', t => {
  const [known] = share([candidate(), candidate({ latency: 0 })])
  t.true(known! < 0.3)
})

test('the latency average takes a slower call in full and a quicker one slowly', t => {
  t.is(peakEwma(0, 120, 0), 120)
  t.is(peakEwma(100, 500, 0), 500)
  t.is(peakEwma(500, 100, 0), 500)
  const later = peakEwma(500, 100, 10_000)
  t.true(later > 240 && later < 255, `${later}`)
})
