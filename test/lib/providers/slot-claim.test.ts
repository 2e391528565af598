import test from 'ava'
import pg from 'pg'
import { claimSlots } from '../../../lib/providers/slot-claim.ts'
import { cloneDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seeded } from '../_seeded.ts'
import { registerWorker } from './_worker.ts'

let database: TestDatabase
let pool: pg.Pool
const ended: (() => Promise<void>)[] = []

test.before(async () => {
  database = await cloneDatabase()
  pool = new pg.Pool({ connectionString: database.url })
  for (const id of ['w1', 'w2', 'w3']) ended.push((await registerWorker(database.url, id)).die)
})

test.after.always(async () => {
  await Promise.all(ended.map(async end => end()))
  await pool.end()
  await database.drop()
})

async function held (provider: string): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ worker_id: string, slots: number }>('SELECT worker_id, slots FROM provider_lease WHERE provider = $1', [provider])
  return new Map(rows.map(row => [row.worker_id, row.slots]))
}

/** Shortly after its start Postgres says nothing about who is dead. */
async function postgresIsUp (): Promise<void> {
  for (let young = true; young;) {
    const { rows } = await pool.query<{ young: boolean }>("SELECT pg_postmaster_start_time() > clock_timestamp() - interval '5 seconds' AS young")
    young = rows[0]!.young
    if (young) await new Promise(resolve => { setTimeout(resolve, 100) })
  }
}

const sum = (slots: Map<string, number>): number => [...slots.values()].reduce((total, count) => total + count, 0)

test('whatever three workers do, the slots held never pass the limit nor fall below the calls in flight', async t => {
  const random = seeded(21)
  const limit = 20
  const workers = ['w1', 'w2', 'w3'].map(workerId => ({ workerId, usable: 0, inFlight: 0, waiting: 0 }))
  let fullest = 0
  for (let step = 0; step < 200; step++) {
    const worker = workers[Math.floor(random() * 3)]!
    worker.waiting = random() < 0.3 ? 0 : Math.floor(random() * 30)
    worker.inFlight -= Math.floor(random() * (worker.inFlight + 1))
    worker.inFlight = Math.max(worker.inFlight, Math.min(worker.usable, worker.inFlight + worker.waiting))
    const wanted = worker.inFlight + worker.waiting
    const claim = await claimSlots(pool, { provider: 'random', workerId: worker.workerId, limit, held: Math.max(worker.inFlight, Math.min(worker.usable, wanted)), wanted })
    worker.usable = claim.usable
    const slots = await held('random')
    fullest = Math.max(fullest, sum(slots))
    if (sum(slots) > limit) t.fail(`${sum(slots)} slots held in step ${step}`)
    for (const { workerId, inFlight } of workers) if (inFlight > (slots.get(workerId) ?? 0)) t.fail(`${workerId} has calls without slots in step ${step}`)
  }
  t.is(fullest, limit)
})

test('claims made at the same time do not give the same slots twice', async t => {
  for (let round = 0; round < 8; round++) {
    const provider = `race_${round}`
    const claims = await Promise.all(['w1', 'w2', 'w3'].map(async workerId => claimSlots(pool, { provider, workerId, limit: 10, held: 0, wanted: 10 })))
    t.is(claims.reduce((total, claim) => total + claim.recorded, 0), 10)
    t.is(sum(await held(provider)), 10)
  }
})

test('a worker with all slots gives way as its calls end, and both end with half', async t => {
  const claim = async (workerId: string, slots: number, wanted: number): ReturnType<typeof claimSlots> => (
    claimSlots(pool, { provider: 'giving', workerId, limit: 10, held: slots, wanted })
  )
  t.like(await claim('w1', 0, 100), { recorded: 10, usable: 10, share: 1 })
  t.like(await claim('w2', 0, 100), { recorded: 0, usable: 0, target: 5, share: 0 })
  // ten calls in flight: the slots stay, but no new call may start
  t.like(await claim('w1', 10, 100), { recorded: 10, usable: 5 })
  t.like(await claim('w1', 7, 100), { recorded: 7, usable: 5 })
  t.like(await claim('w2', 0, 100), { recorded: 3, usable: 3, share: 0.3 })
  t.like(await claim('w1', 5, 100), { recorded: 5, usable: 5 })
  t.like(await claim('w2', 3, 100), { recorded: 5, usable: 5, share: 0.5 })
  await claim('w2', 0, 0)
  t.deepEqual([...await held('giving')], [['w1', 5]])
})

test('with more workers than slots every worker has one within a few turns', async t => {
  const served = new Set<string>()
  const workers = ['w1', 'w2', 'w3'].map(workerId => ({ workerId, usable: 0 }))
  const deadline = performance.now() + 15_000
  while (served.size < 3 && performance.now() < deadline) {
    for (const worker of workers) {
      const claim = await claimSlots(pool, { provider: 'narrow', workerId: worker.workerId, limit: 1, held: worker.usable, wanted: 5 })
      // its call ends at once
      worker.usable = claim.usable
      if (claim.usable > 0) served.add(worker.workerId)
    }
    await new Promise(resolve => { setTimeout(resolve, 50) })
  }
  t.is(served.size, 3)
})

test('a dead worker\'s slots come back, and a silent but living one keeps its own', async t => {
  await postgresIsUp()
  const mortal = await registerWorker(database.url, 'w4')
  const claim = async (workerId: string, wanted: number): ReturnType<typeof claimSlots> => claimSlots(pool, { provider: 'dying', workerId, limit: 10, held: 0, wanted })
  await claim('w4', 8)
  await pool.query("UPDATE provider_lease SET updated_at = now() - interval '1 hour' WHERE worker_id = 'w4'")
  t.like(await claim('w1', 10), { recorded: 2 })
  await mortal.die()
  const deadline = performance.now() + 10_000
  let slots = 2
  // Postgres notices the end of a session on its own time
  while (slots < 10 && performance.now() < deadline) {
    slots = (await claimSlots(pool, { provider: 'dying', workerId: 'w1', limit: 10, held: slots, wanted: 10 })).recorded
    await new Promise(resolve => { setTimeout(resolve, 50) })
  }
  t.is(slots, 10)
  t.deepEqual([...await held('dying')], [['w1', 10]])
})

test('a worker whose lock was lost for a moment keeps its slots while it refreshes', async t => {
  await postgresIsUp()
  const worker = await registerWorker(database.url, 'w5')
  await claimSlots(pool, { provider: 'moment', workerId: 'w5', limit: 10, held: 0, wanted: 8 })
  await worker.die()
  t.like(await claimSlots(pool, { provider: 'moment', workerId: 'w1', limit: 10, held: 0, wanted: 10 }), { recorded: 2 })
})
