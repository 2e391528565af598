import test from 'ava'
import { limiterOf, ownerOf, settle, unaborted } from './_limiter.ts'
import { seeded } from '../_seeded.ts'

const a = ownerOf('org_a', 'batch_a')

test('calls start while slots are free and the others when one is released', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  grant('p', 2)
  const releases = await Promise.all([limiter.acquire('p', a, 1, unaborted), limiter.acquire('p', a, 1, unaborted)])
  let third: (() => void) | undefined
  void limiter.acquire('p', a, 1, unaborted).then(release => { third = release })
  await settle()
  t.is(third, undefined)
  t.deepEqual(limiter.stats(), { p: { inFlight: 2, waiting: 1, slots: 2 } })
  releases[0]!()
  await settle()
  t.truthy(third)
  third!()
  releases[1]!()
  t.deepEqual(limiter.stats(), { p: { inFlight: 0, waiting: 0, slots: 2 } })
})

test('a batch of 10 rows of another organization waits for no more than every second turn amid 50,000', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  const order: string[] = []
  const pending: (() => void)[] = []
  const call = (organization: string, batch: string): void => {
    void limiter.acquire('p', ownerOf(organization, batch), 1, unaborted).then(release => {
      order.push(batch)
      pending.push(release)
    })
  }
  for (let row = 0; row < 50_000; row++) call('org_a', 'big')
  grant('p', 8)
  await settle()
  for (let row = 0; row < 10; row++) call('org_b', 'small')
  for (let end = 0; end < 100; end++) {
    pending.shift()!()
    await settle()
  }
  const places = order.flatMap((batch, place) => batch === 'small' ? [place] : [])
  t.is(places.length, 10)
  t.true(places.at(-1)! <= 8 + 20, `the last of ten had turn ${places.at(-1)! - 8}`)
})

test('turns go round organizations first and then round the batches of one', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  const order: string[] = []
  for (const [organization, batch, rows] of [['x', 'x1', 6], ['x', 'x2', 6], ['y', 'y1', 3], ['y', 'y2', 6]] as const) {
    for (let row = 0; row < rows; row++) {
      void limiter.acquire('p', ownerOf(organization, batch), 1, unaborted).then(release => {
        order.push(`${batch}.${row}`)
        setImmediate(release)
      })
    }
  }
  grant('p', 1)
  while (order.length < 21) await settle()
  t.deepEqual(order, [
    'x1.0', 'y1.0', 'x2.0', 'y2.0', 'x1.1', 'y1.1', 'x2.1', 'y2.1', 'x1.2', 'y1.2', 'x2.2', 'y2.2',
    // y1 is done: y2 has all of y's turns
    'x1.3', 'y2.3', 'x2.3', 'y2.4', 'x1.4', 'y2.5', 'x2.4', 'x1.5', 'x2.5'
  ])
})

test('an organization is not served more for having more batches', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  const served: Record<string, number> = { many: 0, one: 0 }
  const call = (organization: string, batch: string): void => {
    void limiter.acquire('p', ownerOf(organization, batch), 1, unaborted).then(release => {
      served[organization]! += 1
      setImmediate(release)
    })
  }
  for (let batch = 0; batch < 50; batch++) for (let row = 0; row < 20; row++) call('many', `batch_${batch}`)
  for (let row = 0; row < 100; row++) call('one', 'single')
  grant('p', 4)
  while (served.many! + served.one! < 200) await settle()
  t.true(Math.abs(served.many! - served.one!) <= 4, JSON.stringify(served))
})

test('the calls of one batch stay within its concurrency over all providers, and other batches go on', async t => {
  const { limiter, grant } = limiterOf({ p: {}, q: {} })
  grant('p', 100)
  grant('q', 100)
  const narrow = ownerOf('org', 'narrow', 3)
  let inFlight = 0
  let most = 0
  let done = 0
  const call = async (provider: string): Promise<void> => {
    const release = await limiter.acquire(provider, narrow, 1, unaborted)
    inFlight += 1
    most = Math.max(most, inFlight)
    await settle()
    inFlight -= 1
    release()
    done += 1
  }
  const calls = Array.from({ length: 60 }, async (_, row) => call(row % 3 === 0 ? 'q' : 'p'))
  const other = await limiter.acquire('p', ownerOf('org', 'wide'), 1, unaborted)
  t.is(limiter.stats().p!.inFlight + limiter.stats().q!.inFlight, 4)
  other()
  await Promise.all(calls)
  t.is(most, 3)
  t.is(done, 60)
  t.deepEqual(limiter.stats(), { p: { inFlight: 0, waiting: 0, slots: 100 }, q: { inFlight: 0, waiting: 0, slots: 100 } })
})

test('a call that ends at one provider lets the same batch go on at another', async t => {
  const { limiter, grant } = limiterOf({ p: {}, q: {} })
  grant('p', 5)
  grant('q', 5)
  const narrow = ownerOf('org', 'narrow', 1)
  const release = await limiter.acquire('p', narrow, 1, unaborted)
  let started = false
  void limiter.acquire('q', narrow, 1, unaborted).then(() => { started = true })
  await settle()
  t.false(started)
  release()
  await settle()
  t.true(started)
})

test('rows that wait for their own batch ask for no slots', async t => {
  const { limiter, grant, demand } = limiterOf({ p: {} })
  for (let row = 0; row < 50; row++) void limiter.acquire('p', ownerOf('org', 'narrow', 2), 1, unaborted)
  t.deepEqual(demand('p'), { inFlight: 0, wanted: 50 })
  grant('p', 10)
  await settle()
  demand('p')
  t.deepEqual(demand('p'), { inFlight: 2, wanted: 2 })
})

test('demand is the most that was wanted since it was last asked for', async t => {
  const { limiter, grant, demand } = limiterOf({ p: {} })
  grant('p', 10)
  const releases = await Promise.all(Array.from({ length: 7 }, async () => limiter.acquire('p', a, 1, unaborted)))
  for (const release of releases) release()
  t.deepEqual(demand('p'), { inFlight: 0, wanted: 7 })
  t.deepEqual(demand('p'), { inFlight: 0, wanted: 0 })
})

test('the limiter asks for slots exactly when someone could use one', async t => {
  const { limiter, grant, wakes } = limiterOf({ p: {} })
  const first = limiter.acquire('p', a, 1, unaborted)
  t.is(wakes.count, 1)
  grant('p', 2)
  await first
  await limiter.acquire('p', a, 1, unaborted)
  t.is(wakes.count, 1)
  void limiter.acquire('p', a, 1, unaborted)
  t.is(wakes.count, 2)
})

test('when slots are taken away no call starts until enough have ended', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  grant('p', 4)
  const releases = await Promise.all(Array.from({ length: 4 }, async () => limiter.acquire('p', a, 1, unaborted)))
  let started = 0
  for (let row = 0; row < 4; row++) void limiter.acquire('p', a, 1, unaborted).then(() => { started += 1 })
  grant('p', 2)
  for (const [ended, expected] of [[0, 0], [1, 0], [2, 1], [3, 2]] as const) {
    releases[ended]!()
    await settle()
    t.is(started, expected)
  }
  t.deepEqual(limiter.stats(), { p: { inFlight: 2, waiting: 2, slots: 2 } })
})

test('an abort while waiting rejects with its reason and frees the place', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  grant('p', 1)
  const held = await limiter.acquire('p', a, 1, unaborted)
  const controller = new AbortController()
  const reason = new Error('cancelled')
  const waiting = Array.from({ length: 2000 }, async () => limiter.acquire('p', ownerOf('org_b', 'batch_b'), 1, controller.signal))
  const after = limiter.acquire('p', a, 1, unaborted)
  controller.abort(reason)
  const outcomes = await Promise.allSettled(waiting)
  t.true(outcomes.every(outcome => outcome.status === 'rejected' && outcome.reason === reason))
  t.is(limiter.stats().p!.waiting, 1)
  held()
  ;(await after)()
  await t.throwsAsync(limiter.acquire('p', a, 1, controller.signal), { is: reason })
  t.deepEqual(limiter.stats(), { p: { inFlight: 0, waiting: 0, slots: 1 } })
})

test('an abort after the call has started takes nothing back', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  grant('p', 1)
  const controller = new AbortController()
  const release = await limiter.acquire('p', a, 1, controller.signal)
  controller.abort()
  t.is(limiter.stats().p!.inFlight, 1)
  release()
  t.is(limiter.stats().p!.inFlight, 0)
})

test('a second release of the same call is an error and frees no slot', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  grant('p', 2)
  const [one] = await Promise.all([limiter.acquire('p', a, 1, unaborted), limiter.acquire('p', a, 1, unaborted)])
  one()
  t.throws(one, { message: /twice/ })
  t.is(limiter.stats().p!.inFlight, 1)
})

test('an unknown provider and a closed limiter refuse', async t => {
  const { limiter, grant } = limiterOf({ p: {} })
  await t.throwsAsync(limiter.acquire('other', a, 1, unaborted), { message: /No provider other/ })
  grant('p', 1)
  const held = await limiter.acquire('p', a, 1, unaborted)
  const waiting = t.throwsAsync(limiter.acquire('p', a, 1, unaborted), { message: /closed/ })
  await limiter.close()
  await waiting
  held()
  await t.throwsAsync(limiter.acquire('p', a, 1, unaborted), { message: /closed/ })
  t.deepEqual(limiter.stats(), { p: { inFlight: 0, waiting: 0, slots: 0 } })
})

test.serial('calls are spread over the minute within requests per minute, and a first call does not wait', async t => {
  const { limiter, grant } = limiterOf({ p: { requestsPerMinute: 3000 } })
  grant('p', 1000)
  const start = performance.now()
  const times: number[] = []
  await Promise.all(Array.from({ length: 75 }, async () => {
    const release = await limiter.acquire('p', a, 1, unaborted)
    times.push(performance.now() - start)
    release()
  }))
  t.true(times[0]! < 100)
  // 50 at once, the rest at (3000 - 50 + 1) a minute
  t.true(times[74]! > 24 / 2951 * 60_000, `${times[74]}`)
  t.true(times[74]! < 3_000, `${times[74]}`)
})

test.serial('tokens per minute hold back what costs much and a share of the slots is a share of the rate', async t => {
  const { limiter, grant } = limiterOf({ p: { tokensPerMinute: 60_000 } })
  grant('p', 100, 0.5)
  const start = performance.now()
  await limiter.acquire('p', a, 500, unaborted)
  t.true(performance.now() - start < 500)
  await limiter.acquire('p', a, 250, unaborted)
  // 250 of 60,000 a minute at half the rate, with 1,000 kept back for the burst
  t.true(performance.now() - start >= 250 / (59_001 / 2) * 60_000 - 1, `${performance.now() - start}`)
})

test.serial('when the one that waits for the rate is aborted, the next goes at its own price', async t => {
  const { limiter, grant } = limiterOf({ p: { tokensPerMinute: 60_000 } })
  grant('p', 100)
  await limiter.acquire('p', a, 900, unaborted)
  const controller = new AbortController()
  const dear = t.throwsAsync(limiter.acquire('p', a, 1_000_000, controller.signal), { message: 'cancelled' })
  const cheap = limiter.acquire('p', a, 10, unaborted)
  const start = performance.now()
  controller.abort(new Error('cancelled'))
  await dear
  await cheap
  t.true(performance.now() - start < 500)
})

test('random traffic never passes the slots or a batch\'s concurrency, and everything ends', async t => {
  const random = seeded(7)
  const { limiter, grant } = limiterOf({ p: {}, q: {} })
  const inFlight: Record<string, number> = { p: 0, q: 0 }
  const slots: Record<string, number> = { p: 0, q: 0 }
  const ofBatch = new Map<string, number>()
  let ended = 0
  let aborted = 0
  const call = async (): Promise<void> => {
    const provider = random() < 0.5 ? 'p' : 'q'
    const batch = Math.floor(random() * 8)
    const concurrency = batch % 2 === 0 ? 1 + batch : null
    const controller = new AbortController()
    if (random() < 0.2) setTimeout(() => { controller.abort() }, random() * 20)
    try {
      const release = await limiter.acquire(provider, ownerOf(`org_${batch % 3}`, `batch_${batch}`, concurrency), 1, controller.signal)
      inFlight[provider]! += 1
      ofBatch.set(String(batch), (ofBatch.get(String(batch)) ?? 0) + 1)
      if (inFlight[provider]! > slots[provider]!) t.fail('more calls than slots')
      if (concurrency !== null && ofBatch.get(String(batch))! > concurrency) t.fail('more calls than the batch may have')
      await new Promise(resolve => { setTimeout(resolve, random() * 4) })
      inFlight[provider]! -= 1
      ofBatch.set(String(batch), ofBatch.get(String(batch))! - 1)
      release()
      ended += 1
    } catch (error) {
      t.is((error as Error).name, 'AbortError')
      aborted += 1
    }
  }
  const change = setInterval(() => {
    for (const provider of ['p', 'q']) {
      const next = Math.floor(random() * 30)
      // a call resolved in this tick has not been counted by the test yet, so the highest of a tick counts
      slots[provider] = Math.max(next, inFlight[provider]!)
      grant(provider, next)
    }
  }, 5)
  await Promise.all(Array.from({ length: 3000 }, call)).finally(() => { clearInterval(change) })
  t.is(ended + aborted, 3000)
  t.true(aborted > 0 && ended > 2000, `${ended} ended, ${aborted} aborted`)
  t.deepEqual(Object.values(limiter.stats()).map(({ inFlight, waiting }) => [inFlight, waiting]), [[0, 0], [0, 0]])
})
