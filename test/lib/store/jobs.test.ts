import test from 'ava'
import type { JobRecord } from '../../../lib/contracts/jobs.ts'
import { statesBefore, type JobState } from '../../../lib/domain/job-state.ts'
import { formatUsd } from '../../../lib/domain/price.ts'
import { newId } from '../../../lib/ids.ts'
import { readEventsAfter } from '../../../lib/store/events.ts'
import { insertJob, listJobs, readJob, requestCancel, transitionJob } from '../../../lib/store/jobs.ts'
import { checkedEvents } from '../../support/feed-events.ts'
import { addCaller, addJob, openDatabase } from './_job-fixture.ts'

test('a job goes through its states with one event each, and stamps the times', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller)
  const running = await transitionJob(pool, { id, to: 'running' })
  t.truthy(running?.startedAt)
  await transitionJob(pool, { id, to: 'paused' })
  const resumed = await transitionJob(pool, { id, to: 'running' })
  t.deepEqual(resumed?.startedAt, running?.startedAt)
  const finalizing = await transitionJob(pool, { id, to: 'finalizing', data: { reason: 'done' } })
  t.truthy(finalizing?.finalizingAt)
  t.is(finalizing?.finishedAt, null)
  const failed = await transitionJob(pool, { id, to: 'failed', error: { code: 'x', message: 'y' } })
  t.truthy(failed?.finishedAt)
  t.deepEqual(failed?.error, { code: 'x', message: 'y' })
  t.is(failed?.seq, 6)
  t.deepEqual((await readEventsAfter(pool, id, 1, 100)).map(({ seq, type, data }) => [seq, type, data.state, data.reason, data.error]), [
    [2, 'batch.in_progress', 'running', undefined, undefined],
    [3, 'batch.paused', 'paused', undefined, undefined],
    [4, 'batch.resumed', 'running', undefined, undefined],
    [5, 'batch.finalizing', 'finalizing', 'done', undefined],
    [6, 'batch.failed', 'failed', undefined, { code: 'x', message: 'y' }]
  ])
  t.deepEqual(await readJob(pool, caller, id), failed)
})

test('an event tells the job as the change left it: counts, tokens, exact cost, metadata and times', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const id = newId('batch')
  await insertJob(pool, caller, { id, kind: 'batch', metadata: { team: 'search' }, windowSeconds: 60 })
  for (const cost of ['0', '1', '1000000000000', '123456789012345678901234567890', '4999999999999999999999999999', '500000000000', '7000000000000000000000000000000']) {
    await pool.query(`UPDATE job SET state = 'running', total = 3, succeeded = 1, failed = 2, input_tokens = 5, cached_input_tokens = 4, output_tokens = 3,
      reasoning_tokens = 2, unpriced = 1, cost = $2 WHERE id = $1`, [id, cost])
    const job = await transitionJob(pool, { id, to: 'finalizing', data: { output_file_id: 'file-1' } })
    const event = (await readEventsAfter(pool, id, job!.seq - 1, 1))[0]!
    t.deepEqual(event.data, {
      state: 'finalizing',
      counts: { total: 3, succeeded: 1, failed: 2 },
      usage: { input_tokens: 5, cached_input_tokens: 4, output_tokens: 3, reasoning_tokens: 2 },
      cost_usd: formatUsd(BigInt(cost)),
      unpriced: 1,
      metadata: { team: 'search' },
      created_at: job!.createdAt.toISOString(),
      finalizing_at: job!.finalizingAt!.toISOString(),
      expires_at: job!.expiresAt.toISOString(),
      output_file_id: 'file-1'
    })
  }
  const [created] = await readEventsAfter(pool, id, 0, 1)
  t.like(created, { seq: 1, type: 'batch.created', data: { state: 'queued', counts: { total: null, succeeded: 0, failed: 0 }, cost_usd: '0', metadata: { team: 'search' } } })
})

test('whatever a job of any kind can do has an event type that is in the registry', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  // the states that a kind can get to; a replay cannot be paused and has no window
  const words: Readonly<Record<JobRecord['kind'], readonly JobState[]>> = {
    batch: ['running', 'paused', 'finalizing', 'succeeded', 'failed', 'cancelled', 'expired'],
    webhook_replay: ['running', 'finalizing', 'succeeded', 'failed', 'cancelled']
  }
  for (const [kind, states] of Object.entries(words) as Array<[JobRecord['kind'], JobState[]]>) {
    for (const to of states) {
      for (const from of statesBefore(to).filter(state => state === 'queued' || states.includes(state))) {
        const id = newId('batch')
        await insertJob(pool, caller, { id, kind, metadata: null, windowSeconds: 60 })
        await requestCancel(pool, caller, id)
        await pool.query('UPDATE job SET state = $2 WHERE id = $1', [id, from])
        await transitionJob(pool, { id, to, error: { code: 'x', message: 'y' } })
        t.is((await checkedEvents(t, pool, [id])).length, 3)
      }
    }
  }
})

test('a transition that the state does not allow changes and records nothing', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'queued')
  t.is(await transitionJob(pool, { id, to: 'succeeded' }), null)
  t.is(await transitionJob(pool, { id: 'batch_none', to: 'running' }), null)
  t.is((await readJob(pool, caller, id))?.seq, 1)
  t.is((await readEventsAfter(pool, id, 1, 100)).length, 0)
})

test('of racing terminal transitions exactly one wins, with one event', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  for (let round = 0; round < 10; round++) {
    const id = await addJob(pool, caller, 'finalizing')
    const targets = ['succeeded', 'cancelled', 'expired', 'failed', 'succeeded', 'succeeded', 'cancelled', 'expired'] as const
    const won = (await Promise.all(targets.map(async to => transitionJob(pool, { id, to })))).filter(job => job !== null)
    t.is(won.length, 1)
    t.is((await readJob(pool, caller, id))?.state, won[0]!.state)
    t.is((await readEventsAfter(pool, id, 1, 100)).length, 1)
  }
})

test('a transition that waits for another change builds on it, and is refused when that left the state', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const id = await addJob(pool, caller, 'running')
  const whileOpen = async (change: string, to: JobState): Promise<JobRecord | null> => {
    const holder = await pool.connect()
    await holder.query('BEGIN')
    await holder.query(change, [id])
    const waiting = transitionJob(pool, { id, to })
    const isBlocked = async (): Promise<boolean> => (await pool.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")).rowCount === 1
    while (!await isBlocked());
    await holder.query('COMMIT')
    holder.release()
    return await waiting
  }
  t.like(await whileOpen('UPDATE job SET seq = seq + 1, succeeded = 5 WHERE id = $1', 'paused'), { state: 'paused', seq: 3, counts: { succeeded: 5 } })
  t.is(await whileOpen("UPDATE job SET seq = seq + 1, state = 'finalizing' WHERE id = $1", 'running'), null)
  t.deepEqual((await readEventsAfter(pool, id, 1, 100)).map(event => [event.seq, event.type]), [[3, 'batch.paused']])
})

test('a cancel is requested once, by the owner only, and not of a finished job', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const other = await addCaller(pool, 'b')
  const id = await addJob(pool, caller, 'running')
  t.is(await requestCancel(pool, other.caller, id), null)
  const requests = await Promise.all(Array.from({ length: 5 }, async () => requestCancel(pool, caller, id)))
  t.true(requests.every(job => job?.seq === 2 && job.cancelRequestedAt !== null))
  t.deepEqual((await readEventsAfter(pool, id, 1, 100)).map(event => event.type), ['batch.cancelling'])
  const finished = await addJob(pool, caller, 'succeeded')
  t.like(await requestCancel(pool, caller, finished), { seq: 1, cancelRequestedAt: null })
})

test('jobs are listed by tenant, state and page, in both orders', async t => {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const other = await addCaller(pool, 'b')
  const ids: string[] = []
  for (const state of ['running', 'succeeded', 'running', 'running', 'failed'] as const) ids.push(await addJob(pool, caller, state))
  await addJob(pool, other.caller, 'running')
  const list = async (filter: Partial<Parameters<typeof listJobs>[2]>): Promise<[string[], boolean]> => {
    const page = await listJobs(pool, caller, { limit: 100, order: 'asc', ...filter })
    return [page.jobs.map(job => job.id), page.hasMore]
  }
  t.deepEqual(await list({}), [ids, false])
  t.deepEqual(await list({ order: 'desc' }), [[...ids].reverse(), false])
  t.deepEqual(await list({ state: 'running' }), [[ids[0]!, ids[2]!, ids[3]!], false])
  t.deepEqual(await list({ kinds: ['fine-tuning'] }), [[], false])
  t.deepEqual(await list({ kinds: ['fine-tuning', 'batch'] }), [ids, false])
  t.deepEqual(await list({ limit: 2 }), [ids.slice(0, 2), true])
  t.deepEqual(await list({ limit: 2, after: ids[2]! }), [ids.slice(3), false])
  t.deepEqual(await list({ limit: 2, after: ids[3]!, order: 'desc' }), [[ids[2]!, ids[1]!], true])
})
