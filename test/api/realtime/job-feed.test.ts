import test, { type ExecutionContext } from 'ava'
import type pg from 'pg'
import { createJobFeed, type JobFeed, type JobUpdate } from '../../../api/realtime/job-feed.ts'
import { readEventsAfter } from '../../../lib/store/events.ts'
import { createHintPublisher, type HintPublisher } from '../../../lib/store/job-hints.ts'
import { readJob, transitionJob } from '../../../lib/store/jobs.ts'
import { addCaller, addJob, addProgress, openDatabase, silent } from '../../lib/store/_job-fixture.ts'
import { quickestOf } from '../../support/quickest.ts'
import { createCollector, eventTypes, listenWith } from './_collector.ts'

interface World { readonly url: string, readonly pool: pg.Pool, readonly feed: JobFeed, readonly hints: HintPublisher }

async function openWorld (t: ExecutionContext): Promise<World> {
  const { url, pool } = await openDatabase(t)
  const feed = createJobFeed({ databaseUrl: url, pool, log: silent })
  const hints = createHintPublisher(url, silent)
  t.teardown(async () => {
    await feed.close()
    await hints.close()
  })
  return { url, pool, feed, hints }
}

/** Ends the connection that listens, as an operator or a network would. */
async function killListener (pool: pg.Pool): Promise<number> {
  const { rowCount } = await pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sira job feed' AND datname = current_database()")
  return rowCount ?? 0
}

async function untilListening (pool: pg.Pool): Promise<void> {
  while ((await pool.query("SELECT FROM pg_stat_activity WHERE application_name = 'sira job feed' AND query LIKE 'LISTEN%' AND datname = current_database()")).rowCount !== 1);
}

const seqOf = (update: JobUpdate | null | undefined): number => update?.record?.seq ?? 0

test('a new subscriber is told at once of everything behind its seq, and of nothing it has', async t => {
  const { pool, feed } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  for (const to of ['running', 'paused', 'running'] as const) await transitionJob(pool, { id, to })
  const behind = createCollector<JobUpdate | null>()
  const current = createCollector<JobUpdate | null>()
  feed.subscribe(id, 4, listenWith(current))
  feed.subscribe(id, 2, listenWith(behind))
  await behind.until(updates => updates.length > 0)
  t.deepEqual(eventTypes(behind.items), ['batch.paused', 'batch.resumed'])
  t.like(behind.items[0]?.record, { id, seq: 4, state: 'running' })
  t.deepEqual(current.items, [])
})

test('hinted changes reach the subscribers of two feeds, each event once and in order', async t => {
  const { url, pool, feed, hints } = await openWorld(t)
  const other = createJobFeed({ databaseUrl: url, pool, log: silent })
  t.teardown(async () => other.close())
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  const collectors = [feed, other].map(each => {
    const collector = createCollector<JobUpdate | null>()
    each.subscribe(id, 1, listenWith(collector))
    return collector
  })
  for (const to of ['running', 'finalizing', 'succeeded'] as const) {
    await transitionJob(pool, { id, to })
    hints.hint(id, await addProgress(pool, id, 1))
  }
  for (const { items, until } of collectors) {
    await until(updates => seqOf(updates.at(-1)) === 7)
    t.deepEqual(eventTypes(items), ['batch.in_progress', 'batch.finalizing', 'batch.completed'])
    t.is(items.at(-1)?.record?.state, 'succeeded')
  }
})

test('each change whose hint was lost is told by the next look at the rows', async t => {
  const { pool, feed } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  await untilListening(pool)
  const collector = createCollector<JobUpdate | null>()
  feed.subscribe(id, 1, listenWith(collector))
  await transitionJob(pool, { id, to: 'running' })
  await collector.until(updates => seqOf(updates.at(-1)) === 2)
  for (const seq of [3, 4]) {
    const start = performance.now()
    await addProgress(pool, id, 5)
    await collector.until(updates => seqOf(updates.at(-1)) === seq)
    t.true(performance.now() - start < 4_000)
  }
})

test('changes are told although the connection that listens is killed again and again, and hints arrive after it', async t => {
  const { pool, feed, hints } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const collector = createCollector<JobUpdate | null>()
  feed.subscribe(id, 1, listenWith(collector))
  for (let round = 0; round < 3; round++) {
    await untilListening(pool)
    t.is(await killListener(pool), 1)
    const seq = await addProgress(pool, id, 1)
    hints.hint(id, seq)
    await collector.until(updates => seqOf(updates.at(-1)) === seq)
  }
  await untilListening(pool)
  const took = await quickestOf(3, async () => {
    const start = performance.now()
    const seq = await addProgress(pool, id, 1)
    hints.hint(id, seq)
    await collector.until(updates => seqOf(updates.at(-1)) === seq)
    return performance.now() - start
  })
  t.true(took < 900, `${took} ms is no sooner than a poll`)
})

test('while many change a job at once, seq and counts never go back, no event is left out, and at most ten updates a second come', async t => {
  const { pool, feed, hints } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running', 10_000)
  const collector = createCollector<JobUpdate | null>()
  feed.subscribe(id, 1, listenWith(collector))
  const start = performance.now()
  await Promise.all([0, 1, 2, 3].map(async writer => {
    for (let round = 0; round < 50; round++) {
      hints.hint(id, await addProgress(pool, id, 1))
      if (round % 10 === writer) await transitionJob(pool, { id, to: round % 20 < 10 ? 'paused' : 'running' })
    }
  }))
  const final = (await readJob(pool, caller, id))!
  await collector.until(updates => seqOf(updates.at(-1)) === final.seq)
  const seconds = (performance.now() - start) / 1000
  const records = collector.items.flatMap(update => update?.record ?? [])
  for (const [index, record] of records.entries()) {
    const before = records[index - 1]
    if (before === undefined) continue
    t.true(record.seq > before.seq)
    t.true(record.counts.succeeded >= before.counts.succeeded)
  }
  t.is(records.at(-1)?.counts.succeeded, 200)
  t.deepEqual(collector.items.flatMap(update => update?.events ?? []), await readEventsAfter(pool, id, 1, 1_000))
  t.true(records.length <= 2 + seconds * 10, `${records.length} in ${seconds} s`)
})

test('a listener that is busy is told later, of the newest row with every event since', async t => {
  const { pool, feed, hints } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  const slow = createCollector<JobUpdate | null>()
  const quick = createCollector<JobUpdate | null>()
  let free = (): void => {}
  feed.subscribe(id, 0, async update => {
    slow.add(update)
    await new Promise<void>(resolve => { free = resolve })
  })
  feed.subscribe(id, 0, listenWith(quick))
  await quick.until(updates => updates.length === 1)
  for (const to of ['running', 'paused', 'running', 'finalizing'] as const) {
    await transitionJob(pool, { id, to })
    const seq = await addProgress(pool, id, 1)
    hints.hint(id, seq)
    await quick.until(updates => seqOf(updates.at(-1)) === seq)
  }
  t.is(slow.items.length, 1)
  free()
  await slow.until(updates => updates.length === 2)
  t.deepEqual(eventTypes(slow.items), ['batch.created', 'batch.in_progress', 'batch.paused', 'batch.resumed', 'batch.finalizing'])
  t.like(slow.items[1]?.record, { state: 'finalizing', seq: 9 })
})

test('a backlog of events comes in portions, and the row only after the last of them', async t => {
  const { pool, feed } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  await pool.query(
    `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
     SELECT 'evt_' || number, organization_id, project_id, id, number, 'batch.paused', '{}' FROM job, generate_series(2, 2500) AS number`)
  await pool.query('UPDATE job SET seq = 2500')
  const collector = createCollector<JobUpdate | null>()
  feed.subscribe(id, 0, listenWith(collector))
  await collector.until(updates => seqOf(updates.at(-1)) === 2_500)
  t.deepEqual(collector.items.map(update => [update?.events.length, update?.record?.seq]), [[1_000, undefined], [1_000, undefined], [500, 2_500]])
  t.deepEqual(collector.items.flatMap(update => update?.events ?? []).map(event => event.seq), Array.from({ length: 2_500 }, (_, index) => index + 1))
})

test('subscribers of a deleted job are told that it is gone, and those that unsubscribed are told nothing', async t => {
  const { pool, feed } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const collector = createCollector<JobUpdate | null>()
  const former = createCollector<JobUpdate | null>()
  feed.subscribe(id, 1, listenWith(collector))
  feed.subscribe(id, 1, listenWith(former))()
  await pool.query('DELETE FROM job WHERE id = $1', [id])
  await collector.until(updates => updates.at(-1) === null)
  t.deepEqual(former.items, [])
})

test('a listener that throws does not keep the others from being told', async t => {
  const { pool, feed } = await openWorld(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  const collector = createCollector<JobUpdate | null>()
  feed.subscribe(id, 0, () => { throw new Error('a bug') })
  feed.subscribe(id, 0, async () => { throw new Error('a bug') })
  feed.subscribe(id, 0, listenWith(collector))
  await collector.until(updates => updates.length === 1)
  t.is(seqOf(collector.items[0]), 1)
})
