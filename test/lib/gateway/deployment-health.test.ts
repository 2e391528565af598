import test from 'ava'
import { chooseDeployment } from '../../../lib/domain/choose-deployment.ts'
import { createDeploymentHealth } from '../../../lib/gateway/deployment-health.ts'
import { seeded } from '../_seeded.ts'

interface Simulated {
  readonly weights: readonly number[]
  /** ms of a call at a deployment that begins at `now`. */
  readonly latency: (place: number, now: number, random: () => number) => number
  /** Clients, each of which makes its next call when its last has ended. */
  readonly clients: number
  readonly calls: number
  readonly seed?: number
}

/** Which deployment each call went to and when: the real choice and the real health, on a clock of the test's own. */
function simulate ({ weights, latency, clients, calls, seed = 11 }: Simulated): Array<{ place: number, at: number }> {
  const random = seeded(seed)
  let now = 0
  const health = createDeploymentHealth(() => now)
  const made: Array<{ place: number, at: number }> = []
  const running: Array<{ endsAt: number, end: () => void }> = []
  while (made.length < calls) {
    if (running.length === clients) {
      const next = running.reduce((best, call, index) => call.endsAt < running[best]!.endsAt ? index : best, 0)
      const [call] = running.splice(next, 1)
      now = call!.endsAt
      call!.end()
    }
    const candidates = weights.map((weight, place) => {
      const { admitted, inFlight, latency: { unary } } = health.read(`d${place}`, now)
      return { weight, priority: 0, admitted, inFlight, latency: unary }
    })
    const place = chooseDeployment(candidates, () => false, random)
    const finish = health.begin(`d${place}`, false)
    const ms = latency(place, now, random)
    running.push({ endsAt: now + ms, end: () => { finish({ kind: 'answered', ms }) } })
    made.push({ place, at: now })
  }
  return made
}

const shareOf = (made: ReadonlyArray<{ place: number }>, place: number): number => made.filter(call => call.place === place).length / made.length

/** Most calls take about `usual` ms, a few ten times as long, as answers of language models do. */
const uneven = (usual: number, random: () => number): number => usual * Math.exp(2.5 * random() ** 3)

test('healthy deployments keep the shares of their weights, with one client or many, however uneven their calls are', t => {
  for (const clients of [1, 4, 32, 200]) {
    const made = simulate({ weights: [3, 1], clients, calls: 8_000, latency: (_place, _now, random) => uneven(20, random) })
    const heavy = shareOf(made, 0)
    t.true(Math.abs(heavy - 0.75) < 0.06, `${heavy} of the calls of ${clients} clients`)
  }
})

test('a deployment that was slow once, when it was cold or the machine busy, never starves and has its share again a minute later', t => {
  // its first call takes fifty times as long as all others
  for (const slow of [0, 1]) {
    let stalled = false
    const made = simulate({
      weights: [3, 1],
      clients: 1,
      calls: 60_000,
      latency: place => {
        if (place !== slow || stalled) return 2
        stalled = true
        return 100
      }
    })
    const weight = [0.75, 0.25][slow]!
    const soon = made.filter(({ at }) => at > 500 && at < 5_500)
    t.true(shareOf(soon, slow) > weight ** 2 - 0.02, `${shareOf(soon, slow)} at first`)
    const later = made.filter(({ at }) => at > 60_000)
    t.true(Math.abs(shareOf(later, slow) - weight) < 0.06, `${shareOf(later, slow)} later`)
  }
})

test('a deployment of little weight that was slow once is called again as often as its weight says', t => {
  let stalled = false
  const made = simulate({
    weights: [99, 1],
    clients: 1,
    calls: 40_000,
    latency: place => {
      if (place === 0 || stalled) return 10
      stalled = true
      return 5_000
    }
  })
  const first = made.findIndex(({ place }) => place === 1)
  const after = made.slice(first + 1).filter(({ at }) => at > made[first]!.at + 40_000)
  t.true(Math.abs(shareOf(after, 1) - 0.01) < 0.004, `${shareOf(after, 1)}`)
})

test('a deployment not called before gets its share while its first answer is awaited, not every call', t => {
  const made = simulate({ weights: [1, 1], clients: 50, calls: 50, latency: () => 10_000 })
  t.true(Math.abs(shareOf(made, 1) - 0.5) < 0.2)
  const known = createDeploymentHealth(() => 0)
  known.begin('d0', false)({ kind: 'answered', ms: 100 })
  const random = seeded(3)
  let fresh = 0
  for (let call = 0; call < 100; call++) {
    const candidates = ['d0', 'd1'].map(id => ({ weight: 1, priority: 0, ...known.read(id, 0), latency: known.read(id, 0).latency.unary }))
    const place = chooseDeployment(candidates, () => false, random)
    known.begin(`d${place}`, false)
    fresh += place
  }
  t.true(fresh > 35 && fresh < 65, `${fresh} of 100`)
})

test('a deployment that is always slow, or always busy, gets less than its share', t => {
  const made = simulate({ weights: [1, 1], clients: 8, calls: 5_000, latency: place => [200, 20][place]! })
  t.true(shareOf(made, 0) < 0.3, `${shareOf(made, 0)}`)
})

test('latencies of whole answers and of first events are told apart and forgotten apart', t => {
  let now = 0
  const health = createDeploymentHealth(() => now)
  health.begin('d', false)({ kind: 'answered', ms: 900 })
  for (now = 1_000; now <= 40_000; now += 1_000) health.begin('d', true)({ kind: 'answered', ms: 50 })
  t.deepEqual(health.read('d', 29_000).latency, { unary: 900, stream: 50 })
  t.deepEqual(health.read('d', 40_000).latency, { unary: 0, stream: 50 }, 'no whole answer for 40 s, whatever the streams did')
})
