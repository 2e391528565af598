import type { ExecutionContext } from 'ava'
import test from 'ava'
import { MockActivityEnvironment } from '@temporalio/testing'
import { DefaultLogger } from '@temporalio/worker'
import type { Pool } from 'pg'
import { createReplayActivities } from '../../activities/webhook-replay/index.ts'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { inTransaction } from '../../lib/store/database.ts'
import { readJob, requestCancel } from '../../lib/store/jobs.ts'
import type { OutboxEntry } from '../../lib/store/outbox.ts'
import { insertReplay, type NewReplay } from '../../lib/store/webhook-replays.ts'
import { newId } from '../../lib/ids.ts'
import { seeded } from '../lib/_seeded.ts'
import { addCaller, openDatabase } from '../lib/store/_job-fixture.ts'
import { checkedEvents } from '../support/feed-events.ts'

interface Fixture {
  readonly pool: Pool
  readonly caller: Caller
  readonly endpointId: string
  readonly sent: OutboxEntry[]
  /** The activities; `queueReplay` and the others run in a context of their own each time. */
  readonly run: <Name extends keyof ReturnType<typeof createReplayActivities>>(name: Name, input: Parameters<ReturnType<typeof createReplayActivities>[Name]>[0]) => Promise<unknown>
  readonly start: (replay?: Partial<NewReplay>) => Promise<string>
  /** Ends pending deliveries as a dispatcher would, at most `limit`. */
  readonly deliver: (state: 'delivered' | 'exhausted', limit?: number) => Promise<void>
}

// what breaks here on purpose is no warning
const logger = new DefaultLogger('ERROR')
const hints = { hint () {}, async close () {} }

/** A project with one endpoint for `batch.*` and events of the last hour, one a second, already in the feed. */
async function openReplays (t: ExecutionContext, { events = 0, types = ['batch.completed'] } = {}): Promise<Fixture> {
  const { pool } = await openDatabase(t)
  const { caller } = await addCaller(pool, 'a')
  const endpointId = newId('endpoint')
  await addEndpoint(pool, caller, endpointId)
  await addEvents(pool, caller, events, types)
  const sent: OutboxEntry[] = []
  const activities = createReplayActivities({ pool, hints, async send (entry) { sent.push(entry) } })
  return {
    pool,
    caller,
    endpointId,
    sent,
    run: async (name, input) => await new MockActivityEnvironment({}, { logger }).run(activities[name] as (input: unknown) => Promise<unknown>, input),
    async start (replay = {}) {
      const range = { endpointId, since: new Date(Date.now() - 86_400_000), until: new Date(), onlyFailed: false, eventTypes: null, ...replay }
      return (await inTransaction(pool, async client => await insertReplay(client, caller, range))).job.id
    },
    async deliver (state, limit = 1_000_000) {
      await pool.query("UPDATE webhook_delivery SET state = $1, finished_at = now(), attempts = attempts + 1 WHERE id IN (SELECT id FROM webhook_delivery WHERE state = 'pending' ORDER BY id LIMIT $2)", [state, limit])
    }
  }
}

async function addEndpoint (pool: Pool, caller: Caller, id: string): Promise<void> {
  await pool.query(
    'INSERT INTO webhook_endpoint (id, organization_id, project_id, targets, event_types, payload_version) VALUES ($1, $2, $3, \'[]\', \'{batch.*}\', \'2026-11-27\')',
    [id, caller.organizationId, caller.projectId])
  await pool.query('INSERT INTO webhook_dispatch (endpoint_id) VALUES ($1)', [id])
}

/** Some share their time with others: a cursor of the time alone would pass over them. */
async function addEvents (pool: Pool, caller: Pick<Caller, 'organizationId' | 'projectId'>, count: number, types: readonly string[], resource = 'batch'): Promise<void> {
  await pool.query(
    `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data, feed_seq, created_at)
     SELECT new_id('evt_'), $1, $2, $5 || '_' || number, 1, ($4::text[])[1 + number % cardinality($4::text[])], '{}', number, date_trunc('second', now()) - (number / 7) * interval '1 second' - interval '1 minute'
     FROM generate_series(1, $3) AS number`, [caller.organizationId, caller.projectId, count, types, resource])
}

const countsOf = async ({ pool, caller }: Fixture, id: string): Promise<object> => (await readJob(pool, caller, id))!.counts

test('a replay queues every event of its range once, whatever breaks between its steps', async t => {
  const fixture = await openReplays(t, { events: 2_345 })
  const { pool, run, sent, endpointId } = fixture
  const id = await fixture.start()
  // breaks before any statement of a step, before its commit and after it
  const random = seeded(5)
  const breaking = new Proxy(pool, {
    get (target, name) {
      const member = Reflect.get(target, name) as unknown
      if (name !== 'connect') return typeof member === 'function' ? member.bind(target) as unknown : member
      return async () => {
        const client = await target.connect()
        const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
        const release = client.release.bind(client)
        client.release = () => { client.query = query as typeof client.query; release() }
        client.query = (async (...args: unknown[]) => {
          if (args[0] === 'ROLLBACK') return await query(...args)
          const chance = random()
          if (args[0] === 'COMMIT' && chance < 0.3) {
            await query(...args)
            throw new Error('killed after the commit')
          }
          if (chance > 0.85) throw new Error('killed before')
          return await query(...args)
        }) as typeof client.query
        return client
      }
    }
  })
  const killed = createReplayActivities({ pool: breaking, hints, async send (entry) { sent.push(entry) } })
  let failures = 0
  for (let outcome = 'more'; outcome !== 'queued';) {
    await new MockActivityEnvironment({}, { logger }).run(killed.queueReplay, { jobId: id }).then(found => { outcome = found as string }, () => { failures += 1 })
    if (failures > 500) throw new Error('nothing goes on')
  }
  t.true(failures > 3, `${failures}`)
  const { rows: [found] } = await pool.query<{ deliveries: number, events: number }>(
    "SELECT count(*) AS deliveries, count(DISTINCT event_id) AS events FROM webhook_delivery WHERE endpoint_id = $1 AND replay_id = $2 AND trigger = 'replay' AND state = 'pending'", [endpointId, id])
  t.deepEqual(found, { deliveries: 2_345, events: 2_345 })
  await run('countReplay', { jobId: id })
  t.deepEqual(await countsOf(fixture, id), { total: 2_345, succeeded: 0, failed: 0 })
  t.is((await pool.query("SELECT FROM outbox WHERE resource_id = $1 AND action = 'deliver'", [endpointId])).rowCount, 1, 'the dispatcher was woken in a transaction of the queueing')
})

test('a replay counts the ends of its deliveries and is done when the last has ended', async t => {
  const fixture = await openReplays(t, { events: 10 })
  const { pool, run, deliver } = fixture
  const id = await fixture.start()
  t.is(await run('queueReplay', { jobId: id }), 'queued')
  await deliver('delivered', 6)
  t.is(await run('countReplay', { jobId: id }), 'waiting')
  t.deepEqual(await countsOf(fixture, id), { total: 10, succeeded: 6, failed: 0 })
  await deliver('exhausted')
  t.is(await run('countReplay', { jobId: id }), 'done')
  t.is(await run('finishReplay', { jobId: id, end: 'done' }), 'succeeded')
  t.is(await run('finishReplay', { jobId: id, end: 'done' }), 'succeeded')
  t.deepEqual(await countsOf(fixture, id), { total: 10, succeeded: 6, failed: 4 })
  const events = await checkedEvents(t, pool, [id])
  t.deepEqual(events.map(event => event.type), ['webhook_replay.created', 'webhook_replay.in_progress', 'webhook_replay.finalizing', 'webhook_replay.completed'])
  t.like(events.at(-1)!.data, { counts: { total: 10, succeeded: 6, failed: 4 } })
})

test('a replay takes what the endpoint subscribes to, in its project and range, and nothing pending twice', async t => {
  const fixture = await openReplays(t, { events: 12, types: ['batch.completed', 'batch.failed', 'key.rotated'] })
  const { pool, caller, endpointId, run } = fixture
  await addEvents(pool, { ...caller, projectId: 'proj_other' }, 5, ['batch.completed'], 'other')
  await addEvents(pool, { organizationId: 'org_other', projectId: 'proj_x' }, 5, ['batch.completed'], 'foreign')
  await pool.query("UPDATE event SET created_at = now() - interval '31 days' WHERE resource_id = 'batch_3'")
  await pool.query("UPDATE event SET feed_seq = NULL WHERE resource_id = 'batch_6' AND project_id = $1", [caller.projectId])
  const { rows: [live] } = await pool.query<{ id: string }>("SELECT id FROM event WHERE resource_id = 'batch_9' AND project_id = $1", [caller.projectId])
  await pool.query(
    `INSERT INTO webhook_delivery (id, endpoint_id, event_id, organization_id, project_id, resource_id, event_seq, event_type, round, due_at)
     VALUES ('whd_1', $1, $2, $3, $4, 'batch_9', 1, 'batch.completed', 4, now() + interval '1 hour')`, [endpointId, live!.id, caller.organizationId, caller.projectId])
  const queued = async (id: string): Promise<string[]> =>
    (await pool.query<{ resource_id: string }>('SELECT resource_id FROM webhook_delivery WHERE replay_id = $1 ORDER BY substr(resource_id, 7)::int', [id])).rows.map(row => row.resource_id)
  const all = await fixture.start({ since: new Date(0) })
  t.is(await run('queueReplay', { jobId: all }), 'queued')
  // 3, 6, 9, 12 are batch.completed; 3 is too old, 6 is not fanned out yet, 9 is under way
  t.deepEqual(await queued(all), ['batch_1', 'batch_4', 'batch_7', 'batch_10', 'batch_12'])
  const { rows: [untouched] } = await pool.query("SELECT replay_id, round, trigger FROM webhook_delivery WHERE id = 'whd_1'")
  t.deepEqual(untouched, { replay_id: null, round: 4, trigger: 'event' })
  await fixture.deliver('delivered')
  const some = await fixture.start({ eventTypes: ['batch.fail*', 'batch.failed'] })
  t.is(await run('queueReplay', { jobId: some }), 'queued')
  t.deepEqual(await queued(some), ['batch_1', 'batch_4', 'batch_7', 'batch_10'])
})

test('what a later replay takes over stays in the counts of the one before', async t => {
  const fixture = await openReplays(t, { events: 10 })
  const { run, deliver } = fixture
  const first = await fixture.start()
  await run('queueReplay', { jobId: first })
  await deliver('delivered', 4)
  await deliver('exhausted', 3)
  const second = await fixture.start()
  await run('queueReplay', { jobId: second })
  t.is(await run('countReplay', { jobId: first }), 'waiting', 'three are still its own')
  t.deepEqual(await countsOf(fixture, first), { total: 10, succeeded: 4, failed: 3 })
  t.is(await run('countReplay', { jobId: second }), 'waiting')
  t.deepEqual(await countsOf(fixture, second), { total: 7, succeeded: 0, failed: 0 })
  await deliver('delivered')
  t.is(await run('countReplay', { jobId: first }), 'done')
  t.is(await run('countReplay', { jobId: second }), 'done')
  t.deepEqual(await countsOf(fixture, first), { total: 10, succeeded: 7, failed: 3 })
  t.deepEqual(await countsOf(fixture, second), { total: 7, succeeded: 7, failed: 0 })
  const failed = await fixture.start({ onlyFailed: true })
  await run('queueReplay', { jobId: failed })
  t.is(await run('countReplay', { jobId: failed }), 'done', 'nothing is left that failed')
})

test('only what failed or was missed is delivered again when that is asked for', async t => {
  const fixture = await openReplays(t, { events: 9 })
  const { pool, run } = fixture
  await run('queueReplay', { jobId: await fixture.start() })
  await pool.query("UPDATE webhook_delivery SET state = (ARRAY['delivered', 'exhausted', 'disabled'])[1 + event_seq_of.n % 3], finished_at = now() FROM (SELECT id AS of_id, row_number() OVER (ORDER BY id) AS n FROM webhook_delivery) AS event_seq_of WHERE of_id = id")
  const id = await fixture.start({ onlyFailed: true })
  t.is(await run('queueReplay', { jobId: id }), 'queued')
  await run('countReplay', { jobId: id })
  t.deepEqual(await countsOf(fixture, id), { total: 6, succeeded: 0, failed: 0 })
})

test('a cancelled replay queues no more, and what it had not delivered becomes what it was', async t => {
  const fixture = await openReplays(t, { events: 6 })
  const { pool, caller, run, deliver } = fixture
  const first = await fixture.start()
  await run('queueReplay', { jobId: first })
  const { rows: deliveries } = await pool.query<{ id: string }>('SELECT id FROM webhook_delivery ORDER BY id')
  await pool.query(
    `INSERT INTO webhook_attempt (delivery_id, number, trigger, url, status, timing, request, started_at)
     SELECT id, 1, 'event', 'https://receiver.example', CASE WHEN number <= 3 THEN 204 ELSE 500 END, '{}', '{}', now() FROM unnest($1::text[]) WITH ORDINALITY AS delivery (id, number)`, [deliveries.map(row => row.id)])
  await deliver('delivered', 3)
  await deliver('exhausted')
  const id = await fixture.start()
  t.is(await run('queueReplay', { jobId: id }), 'queued')
  await deliver('delivered', 2)
  await requestCancel(pool, caller, id)
  t.is(await run('queueReplay', { jobId: id }), 'cancelled')
  t.is(await run('countReplay', { jobId: id }), 'cancelled')
  t.is(await run('finishReplay', { jobId: id, end: 'cancelled' }), 'cancelled')
  t.deepEqual((await pool.query<{ state: string }>('SELECT state FROM webhook_delivery ORDER BY id')).rows.map(row => row.state), ['delivered', 'delivered', 'delivered', 'exhausted', 'exhausted', 'exhausted'])
  t.deepEqual(await countsOf(fixture, id), { total: 6, succeeded: 2, failed: 0 })
  t.is((await checkedEvents(t, pool, [id])).at(-1)!.type, 'webhook_replay.cancelled')
  // an attempt that outlived its worker's death
  t.is(await run('queueReplay', { jobId: id }), 'cancelled')
})

test('a replay fails when its endpoint is disabled while it queues, or deleted', async t => {
  const fixture = await openReplays(t, { events: 3 })
  const { pool, caller, run, endpointId } = fixture
  const [disabled, deleted] = [await fixture.start(), await fixture.start()]
  await pool.query("UPDATE webhook_endpoint SET status = 'disabled' WHERE id = $1", [endpointId])
  t.is(await run('queueReplay', { jobId: disabled }), 'disabled')
  t.is(await run('finishReplay', { jobId: disabled, end: 'disabled' }), 'failed')
  t.is((await readJob(pool, caller, disabled))!.error?.code, 'endpoint_disabled')
  await pool.query('DELETE FROM webhook_endpoint WHERE id = $1', [endpointId])
  t.is(await run('queueReplay', { jobId: deleted }), 'deleted')
  t.is(await run('countReplay', { jobId: deleted }), 'deleted')
  t.is(await run('finishReplay', { jobId: deleted, end: 'deleted' }), 'failed')
  t.is((await readJob(pool, caller, deleted))!.error?.code, 'endpoint_deleted')
  await checkedEvents(t, pool, [disabled, deleted])
})
