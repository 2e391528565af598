import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Pool } from 'pg'
import type { Limiter } from '../../../lib/contracts/limiter.ts'
import { startControlPlane } from '../../../lib/control/control-plane.ts'
import { createEncryptionKey, createKeyring } from '../../../lib/crypto/seal.ts'
import type { Catalog } from '../../../lib/providers/catalog.ts'
import { createLimiter } from '../../../lib/providers/limiter.ts'
import { createSlotLeases } from '../../../lib/providers/slot-leases.ts'
import { openTestPool, silentLog } from '../../support/pool.ts'
import { limiterOf, ownerOf, settle, unaborted } from './_limiter.ts'
import { registerWorker } from './_worker.ts'

const a = ownerOf('org_a', 'batch_a')

/** ms until it holds; fails after 5 s. */
async function until (t: ExecutionContext, what: string, holds: () => boolean): Promise<number> {
  const start = performance.now()
  while (!holds()) {
    if (performance.now() - start > 5_000) {
      t.fail(`not within 5 s: ${what}`)
      return Infinity
    }
    await sleep(5)
  }
  return performance.now() - start
}

/** Calls that end at once, a hundred at a time, until stopped; how many have started. */
function callsOn (limiter: Limiter): { started: number, stop: () => Promise<void> } {
  const controller = new AbortController()
  const calling = { started: 0, stop: async () => { controller.abort(); await all } }
  const all = Promise.all(Array.from({ length: 100 }, async () => {
    while (!controller.signal.aborted) {
      try {
        const release = await limiter.acquire('p', a, 1, controller.signal)
        calling.started += 1
        await settle()
        release()
      } catch (error) {
        if (!controller.signal.aborted) throw error
      }
    }
  }))
  return calling
}

test.serial('a rate that is raised while calls wait for minutes lets them go within a second', async t => {
  for (const [before, after] of [
    [{ tokensPerMinute: 60 }, { tokensPerMinute: 60_000_000 }],
    [{ tokensPerMinute: 60 }, {}],
    [{ requestsPerMinute: 1 }, { requestsPerMinute: 6_000 }]
  ] as const) {
    const { limiter, grant, change } = limiterOf({ p: before })
    grant('p', 100)
    await limiter.acquire('p', a, 1_000, unaborted)
    let started = 0
    const waiting = Array.from({ length: 5 }, async () => { await limiter.acquire('p', a, 100, unaborted).then(() => { started += 1 }) })
    await settle()
    t.is(started, 0)
    change('p', after)
    const start = performance.now()
    await Promise.all(waiting)
    t.true(performance.now() - start < 1_000, `${performance.now() - start} ms`)
    await limiter.close()
  }
})

test.serial('a rate that is lowered, or set where there was none, holds for the calls that wait and those that come', async t => {
  for (const before of [{ requestsPerMinute: 600_000 }, {}]) {
    const { limiter, grant, change } = limiterOf({ p: before })
    grant('p', 50)
    const calling = callsOn(limiter)
    await until(t, 'calls', () => calling.started > 500)
    change('p', { requestsPerMinute: 600 })
    const start = performance.now()
    const from = calling.started
    await sleep(1_000)
    const most = 10 + (performance.now() - start) / 100
    const started = calling.started - from
    // those resolved in the tick of the change may not have been counted yet
    t.true(started <= most + 50, `${started} of ${most}`)
    t.true(started >= 10, `${started}`)
    await calling.stop()
    await limiter.close()
  }
})

test('what waits for the rate of a provider that leaves the catalog is let go at its last rate', async t => {
  const { limiter, grant, change } = limiterOf({ p: { requestsPerMinute: 600 } })
  grant('p', 100)
  const waiting = Array.from({ length: 13 }, async () => limiter.acquire('p', a, 1, unaborted))
  change('p', null)
  await Promise.all(waiting)
  t.is(limiter.stats().p!.inFlight, 13)
})

/** A worker's limiter over a provider that is in the database. */
async function openWorker (t: ExecutionContext, settings: object): Promise<{ pool: Pool, catalog: Catalog, limiter: Limiter, set: (settings: object) => Promise<void> }> {
  const { pool, url } = await openTestPool(t)
  const session = await registerWorker(url, 'w1')
  const set = async (values: object): Promise<void> => { await pool.query("UPDATE provider SET settings = $1 WHERE name = 'p'", [JSON.stringify(values)]) }
  await pool.query("INSERT INTO provider (name, kind, base_url, settings) VALUES ('p', 'openai', 'https://p.example/v1', $1)", [JSON.stringify(settings)])
  const control = await startControlPlane({
    pool, fileCatalog: { providers: new Map(), models: new Map() }, keyring: createKeyring(createEncryptionKey('test')), log: silentLog, outageGrace: 300_000
  })
  const { catalog } = control
  const limiter = createLimiter({
    catalog,
    slots: createSlotLeases({ pool, workerId: 'w1', limits: { get: name => catalog.providers.get(name)?.maxConcurrency }, warn: message => { t.log(message) } })
  })
  t.teardown(async () => {
    await limiter.close()
    await control.close()
    await session.die()
  })
  return { pool, catalog, limiter, set }
}

test.serial('rates and max_concurrency of a stored provider that are changed reach a running worker', async t => {
  const { limiter, set } = await openWorker(t, { max_concurrency: 4, requests_per_minute: 1 })
  const releases: Array<() => void> = []
  for (let call = 0; call < 10; call++) void limiter.acquire('p', a, 1, unaborted).then(release => { releases.push(release) }, () => {}) // closed in the end
  await until(t, 'the first call', () => releases.length === 1)
  await set({ max_concurrency: 4, requests_per_minute: 60_000 })
  t.log(`rate raised: ${await until(t, 'all slots in use', () => releases.length === 4)} ms`)
  await set({ max_concurrency: 6 })
  t.log(`max_concurrency raised: ${await until(t, 'more slots', () => releases.length === 6)} ms`)
  await set({ max_concurrency: 2 })
  t.log(`max_concurrency lowered: ${await until(t, 'fewer slots', () => limiter.stats().p!.slots <= 2)} ms`)
  for (const release of releases.splice(0, 4)) release()
  await settle()
  t.deepEqual(limiter.stats().p, { inFlight: 2, waiting: 4, slots: 2 })
  for (const release of releases.splice(0)) release()
  await until(t, 'the next two', () => releases.length === 2)
  t.is(limiter.stats().p!.inFlight, 2)
})

test('what waits for a provider that was deleted before its first slot is let go', async t => {
  const { pool, catalog, limiter } = await openWorker(t, {})
  await pool.query("DELETE FROM provider WHERE name = 'p'")
  await until(t, 'the catalog has lost it', () => !catalog.providers.has('p'))
  // the limiter knows it from its start
  t.deepEqual(limiter.stats(), { p: { inFlight: 0, waiting: 0, slots: 0 } })
  const gone = async (): Promise<void> => { const release = await limiter.acquire('p', a, 1, unaborted); release() }
  await Promise.all([gone(), gone(), gone()])
  t.is(limiter.stats().p!.waiting, 0)
})
