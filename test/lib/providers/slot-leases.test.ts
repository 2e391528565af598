import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type { ExecutionContext } from 'ava'
import pg from 'pg'
import type { Limiter } from '../../../lib/contracts/limiter.ts'
import { createLimiter } from '../../../lib/providers/limiter.ts'
import { createSlotLeases } from '../../../lib/providers/slot-leases.ts'
import { cloneDatabase } from '../../support/database.ts'
import { seeded } from '../_seeded.ts'
import { ownerOf, unaborted } from './_limiter.ts'
import { providerAt } from './_upstream.ts'
import { leasesOf, registerWorker } from './_worker.ts'

/** A database of the test's own, with these workers alive in it. */
async function setUp (t: ExecutionContext, workers: readonly string[]): Promise<{ pool: pg.Pool, url: string, relock: () => Promise<void> }> {
  const database = await cloneDatabase()
  const pool = new pg.Pool({ connectionString: database.url })
  pool.on('error', () => {}) // a test that ends sessions ends idle ones too
  const sessions = await Promise.all(workers.map(async id => registerWorker(database.url, id)))
  t.teardown(async () => {
    await Promise.all(sessions.map(async session => session.die()))
    await pool.end()
    await database.drop()
  })
  return { pool, url: database.url, relock: async () => { await Promise.all(sessions.map(async session => session.lock())) } }
}

async function until (t: ExecutionContext, what: string, condition: () => boolean | Promise<boolean>): Promise<number> {
  const start = performance.now()
  while (!await condition()) {
    if (performance.now() - start > 5_000) {
      t.fail(`not within 5 s: ${what}`)
      return Infinity
    }
    await sleep(2)
  }
  return performance.now() - start
}

const leased = async (pool: pg.Pool): Promise<Record<string, number>> => {
  const { rows } = await pool.query<{ worker_id: string, slots: number }>('SELECT worker_id, slots FROM provider_lease ORDER BY worker_id')
  return Object.fromEntries(rows.map(row => [row.worker_id, row.slots]))
}

test.serial('the first demand of an idle worker is answered at once, and all of one tick with one question', async t => {
  const { pool } = await setUp(t, ['w1'])
  await pool.query('SELECT 1')
  const { source, demand, granted } = leasesOf(t, pool, 'w1', 100)
  for (let row = 0; row < 60; row++) {
    demand.wanted += 1
    source.wake('p')
  }
  const waited = await until(t, 'slots', () => granted.slots > 0)
  t.deepEqual(granted, { slots: 60, share: 1 })
  t.true(waited < 400, `${waited} ms`)
  // and when more is wanted soon after, that does not wait for the next refresh either
  demand.inFlight = 60
  demand.wanted = 90
  source.wake('p')
  t.true(await until(t, 'more slots', () => granted.slots === 90) < 400)
})

test('a worker without demand gives everything back and asks no more', async t => {
  const { pool } = await setUp(t, ['w1'])
  const { source, demand, granted } = leasesOf(t, pool, 'w1', 100)
  demand.wanted = 5
  source.wake('p')
  await until(t, 'slots', () => granted.slots === 5)
  demand.wanted = 0
  await until(t, 'the lease is gone', async () => Object.keys(await leased(pool)).length === 0)
  t.is(granted.slots, 0)
  const queries = { count: 0 }
  const connect = pool.connect.bind(pool)
  pool.connect = ((...given: []) => { queries.count += 1; return connect(...given) }) as typeof pool.connect
  await sleep(700)
  t.is(queries.count, 0)
})

test('slots that are given back are taken from the limiter before the others can have them', async t => {
  const { pool } = await setUp(t, ['w1'])
  const { source, demand, granted } = leasesOf(t, pool, 'w1', 10)
  demand.wanted = 8
  source.wake('p')
  await until(t, 'slots', () => granted.slots === 8)
  const connect = pool.connect.bind(pool)
  const whenAsked: number[] = []
  pool.connect = ((...given: []) => { whenAsked.push(granted.slots); return connect(...given) }) as typeof pool.connect
  demand.wanted = 3
  await until(t, 'the refresh', () => whenAsked.length > 0)
  t.is(whenAsked[0], 3)
})

test('closing gives the slots back, except those of calls in flight', async t => {
  const { pool } = await setUp(t, ['w1', 'w2'])
  const one = leasesOf(t, pool, 'w1', 10)
  const two = leasesOf(t, pool, 'w2', 10)
  for (const worker of [one, two]) {
    worker.demand.wanted = 5
    worker.source.wake('p')
    await until(t, 'slots', () => worker.granted.slots === 5)
  }
  two.demand.inFlight = 1
  await one.source.close()
  await two.source.close()
  t.deepEqual(await leased(pool), { w2: 5 })
})

test('while Postgres is away a worker keeps its slots, says so once, and goes on afterwards', async t => {
  const { pool, url, relock } = await setUp(t, ['w1'])
  const { source, demand, granted, warnings } = leasesOf(t, pool, 'w1', 10)
  Object.assign(demand, { inFlight: 4, wanted: 4 })
  source.wake('p')
  await until(t, 'slots', () => granted.slots === 4)
  const name = new URL(url).pathname.slice(1)
  const administrator = new pg.Client({ connectionString: url.replace(name, 'postgres') })
  await administrator.connect()
  t.teardown(async () => administrator.end())
  await administrator.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
  await administrator.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
  await until(t, 'a warning', () => warnings.length > 0)
  demand.wanted = 9
  source.wake('p')
  await sleep(1_200)
  t.is(granted.slots, 4)
  t.is(warnings.length, 1, warnings.join())
  t.regex(warnings[0]!, /provider p/)
  await administrator.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
  await relock()
  await until(t, 'what was wanted meanwhile', () => granted.slots === 9)
})

test('three workers with random demand never have more calls in flight than the provider allows', async t => {
  const { pool } = await setUp(t, ['w1', 'w2', 'w3'])
  const random = seeded(31)
  const limit = 12
  const catalog = { providers: new Map([['p', providerAt('http://127.0.0.1:1', { name: 'p', maxConcurrency: limit })]]), models: new Map() }
  const warnings: unknown[] = []
  const limiters = ['w1', 'w2', 'w3'].map(workerId => createLimiter({
    catalog, slots: createSlotLeases({ pool, workerId, limits: new Map([['p', limit]]), warn: (_message, error) => { warnings.push(error) } })
  }))
  let inFlight = 0
  let most = 0
  let done = 0
  const call = async (limiter: Limiter, organization: string): Promise<void> => {
    const release = await limiter.acquire('p', ownerOf(organization, `batch_${organization}`), 1, unaborted)
    inFlight += 1
    most = Math.max(most, inFlight)
    await sleep(random() * 30)
    inFlight -= 1
    release()
    done += 1
  }
  const calls: Promise<void>[] = []
  const watching = new AbortController()
  let fullest = 0
  const watch = (async () => {
    while (!watching.signal.aborted) {
      const { rows } = await pool.query<{ sum: number }>('SELECT coalesce(sum(slots), 0)::integer AS sum FROM provider_lease')
      fullest = Math.max(fullest, rows[0]!.sum)
      await sleep(3)
    }
  })()
  for (let burst = 0; burst < 25; burst++) {
    const limiter = limiters[Math.floor(random() * 3)]!
    for (let row = Math.floor(random() * 60); row >= 0; row--) calls.push(call(limiter, `org_${row % 2}`))
    await sleep(random() * 200)
  }
  await Promise.all(calls)
  watching.abort()
  await watch
  t.is(done, calls.length)
  t.true(most <= limit, `${most} in flight`)
  t.true(most > limit / 2, `${most} in flight`)
  t.true(fullest <= limit, `${fullest} slots`)
  await Promise.all(limiters.map(async limiter => limiter.close()))
  t.deepEqual(await leased(pool), {})
  t.deepEqual(warnings, [])
})

test('a worker that starts while another has everything gets its share within a second', async t => {
  const { pool } = await setUp(t, ['w1', 'w2'])
  const first = leasesOf(t, pool, 'w1', 10)
  Object.assign(first.demand, { inFlight: 10, wanted: 500 })
  first.source.wake('p')
  await until(t, 'slots', () => first.granted.slots === 10)
  const second = leasesOf(t, pool, 'w2', 10)
  second.demand.wanted = 500
  second.source.wake('p')
  await until(t, 'the first starts no more calls', () => first.granted.slots === 5)
  t.is(second.granted.slots, 0)
  // its calls end one after the other
  first.demand.inFlight = 7
  const waited = await until(t, 'what the first gave back', () => second.granted.slots === 3)
  t.true(waited < 1_000, `${waited} ms`)
  first.demand.inFlight = 5
  await until(t, 'half of the slots and of the rates each', () => [first, second].every(worker => worker.granted.slots === 5 && worker.granted.share === 0.5))
})
