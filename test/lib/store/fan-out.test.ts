import test from 'ava'
import type { Pool } from 'pg'
import { matchesPattern } from '../../../lib/domain/event-types.ts'
import { inTransaction } from '../../../lib/store/database.ts'
import { fanOut, MOST_EVENTS } from '../../../lib/store/fan-out.ts'
import { removeOutbox } from '../../../lib/store/outbox.ts'
import { requeueDelivery, wakeDispatchers } from '../../../lib/store/wake-dispatchers.ts'
import { settleDispatch } from '../../../lib/store/webhook-dispatch.ts'
import { openTestPool } from '../../support/pool.ts'
import { addEndpoint, addEvents } from '../../support/webhooks.ts'

const tenant = { organizationId: 'org_1', projectId: 'proj_1' }
const other = { organizationId: 'org_1', projectId: 'proj_2' }

async function states (pool: Pool, endpointId: string): Promise<string[]> {
  const { rows } = await pool.query<{ state: string }>('SELECT state FROM webhook_delivery WHERE endpoint_id = $1', [endpointId])
  return rows.map(row => row.state)
}
async function deliverAll (pool: Pool): Promise<void> { await pool.query("UPDATE webhook_delivery SET state = 'delivered'") }
async function outbox (pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ resource_id: string }>("SELECT resource_id FROM outbox WHERE action = 'deliver' ORDER BY resource_id")
  return rows.map(row => row.resource_id)
}

test('an event gets a delivery at every endpoint that wants it, and at no other', async t => {
  const { pool } = await openTestPool(t)
  const wanted = {
    all: await addEndpoint(pool, tenant),
    exact: await addEndpoint(pool, tenant, { eventTypes: ['ping', 'batch.completed'] }),
    wildcard: await addEndpoint(pool, tenant, { eventTypes: ['batch.*'] }),
    organization: await addEndpoint(pool, other, { scope: 'organization' }),
    job: await addEndpoint(pool, tenant, { resourceId: 'batch_1' })
  }
  await addEndpoint(pool, tenant, { eventTypes: ['batch.failed'] })
  await addEndpoint(pool, tenant, { resourceId: 'batch_2' })
  await addEndpoint(pool, other)
  await addEndpoint(pool, { ...tenant, organizationId: 'org_2' }, { scope: 'organization' })
  await addEndpoint(pool, tenant, { createdAt: "now() + interval '1 minute'" })
  await addEvents(pool, tenant, 1, { resourceId: 'batch_1' })
  const { endpointIds } = await fanOut(pool)
  t.deepEqual([...endpointIds].sort(), Object.values(wanted).map(endpoint => endpoint.id).sort())
  t.is((await pool.query('SELECT FROM webhook_delivery')).rowCount, 5)
})

test('an event of the organization itself goes to organization-wide endpoints only', async t => {
  const { pool } = await openTestPool(t)
  await addEndpoint(pool, tenant)
  const { id } = await addEndpoint(pool, tenant, { scope: 'organization' })
  await addEvents(pool, { organizationId: 'org_1', projectId: '' }, 1)
  t.deepEqual((await fanOut(pool)).endpointIds, [id])
})

test('what happens to an endpoint is told to others', async t => {
  const { pool } = await openTestPool(t)
  const [failing, watching] = [await addEndpoint(pool, tenant), await addEndpoint(pool, tenant)]
  await addEvents(pool, tenant, 1, { resourceId: failing.id, type: 'webhook.endpoint_failing' })
  t.deepEqual((await fanOut(pool)).endpointIds, [watching.id])
})

test('patterns take the same types in SQL as in the rules of the domain', async t => {
  const { pool } = await openTestPool(t)
  const patterns = ['*', 'batch.*', 'batch.completed', 'bat*', 'batch*', '*.completed', 'webhook.*', 'batch._*', 'batch.%', '.*', 'response.*']
  const types = ['batch.completed', 'batch.', 'batch', 'batches.completed', 'webhook.endpoint_failing', 'webhook_replay.created', 'ping', 'batch.in_progress']
  const endpoints = new Map<string, string>()
  for (const pattern of patterns) endpoints.set((await addEndpoint(pool, tenant, { eventTypes: [pattern] })).id, pattern)
  for (const type of types) await addEvents(pool, tenant, 1, { type })
  await fanOut(pool)
  const { rows } = await pool.query<{ endpoint_id: string, event_type: string }>('SELECT endpoint_id, event_type FROM webhook_delivery')
  const got = rows.map(row => `${endpoints.get(row.endpoint_id)!} ${row.event_type}`).sort()
  const expected = patterns.flatMap(pattern => types.filter(type => matchesPattern(pattern, type)).map(type => `${pattern} ${type}`)).sort()
  t.deepEqual(got, expected)
})

test('a disabled endpoint gets disabled deliveries and is not woken', async t => {
  const { pool } = await openTestPool(t)
  const { id } = await addEndpoint(pool, tenant, { status: 'disabled' })
  await addEvents(pool, tenant, 2)
  t.like(await fanOut(pool), { events: 2, endpointIds: [], wake: [] })
  t.deepEqual(await states(pool, id), ['disabled', 'disabled'])
})

test('only dispatchers that are not at work are woken, each with an entry in the outbox', async t => {
  const { pool } = await openTestPool(t)
  const { id } = await addEndpoint(pool, tenant)
  await addEvents(pool, tenant, 1)
  const { wake } = await fanOut(pool)
  t.deepEqual(wake.map(entry => entry.resourceId), [id])
  t.deepEqual(await outbox(pool), [id])
  await removeOutbox(pool, wake[0]!)
  await addEvents(pool, tenant, 1)
  t.like(await fanOut(pool), { endpointIds: [id], wake: [] })
  t.deepEqual(await outbox(pool), [])
})

test('a dispatcher that rests until its timer ends is left alone by new events, and one whose timer ends later is woken', async t => {
  const { pool } = await openTestPool(t)
  const { id } = await addEndpoint(pool, tenant)
  await pool.query("UPDATE webhook_dispatch SET state = 'waiting', rest_until = now() + interval '1 minute', wake_at = now() + interval '1 minute'")
  await addEvents(pool, tenant, 1)
  t.like(await fanOut(pool), { endpointIds: [id], wake: [] })
  await pool.query("UPDATE webhook_dispatch SET wake_at = now() + interval '1 hour'")
  await addEvents(pool, tenant, 1)
  t.is((await fanOut(pool)).wake.length, 1)
})

test('an entry of the outbox that was written again is not removed by the sender of the one before', async t => {
  const { pool } = await openTestPool(t)
  const { id } = await addEndpoint(pool, tenant)
  await addEvents(pool, tenant, 1)
  const first = await fanOut(pool)
  await deliverAll(pool)
  t.is(await settleDispatch(pool, id), null)
  await addEvents(pool, tenant, 1)
  const second = await fanOut(pool)
  await removeOutbox(pool, first.wake[0]!) // the first sender comes late
  t.deepEqual(await outbox(pool), [id])
  await removeOutbox(pool, second.wake[0]!)
  t.deepEqual(await outbox(pool), [])
})

test('fan-outs beside dispatchers that fall asleep lose no delivery', async t => {
  const { pool } = await openTestPool(t)
  const { id } = await addEndpoint(pool, tenant)
  let woken = 0
  for (let turn = 0; turn < 60; turn++) {
    await addEvents(pool, tenant, 1)
    const [fanned, settled] = await Promise.all([fanOut(pool), settleDispatch(pool, id)])
    woken += fanned.wake.length
    const { rows: [row] } = await pool.query<{ state: string, pending: number }>(
      "SELECT state, (SELECT count(*) FROM webhook_delivery WHERE state = 'pending') AS pending FROM webhook_dispatch")
    // either the dispatcher saw the delivery, or the fan-out saw that it sleeps
    t.true(row!.state === 'working' && row!.pending === 1, `${String(settled)} ${row!.state} ${row!.pending}`)
    t.true(settled === 'due' || fanned.wake.length === 1)
    await deliverAll(pool)
    if (turn % 2 === 1) await settleDispatch(pool, id)
  }
  t.true(woken > 0)
})

test('several fan-outs at once make one delivery per event and endpoint, and a feed without gaps in the order of visibility', async t => {
  const { pool } = await openTestPool(t)
  for (let number = 0; number < 3; number++) await addEndpoint(pool, tenant)
  const writing = new AbortController()
  const seen: number[] = []
  const write = async (): Promise<void> => { for (let turn = 0; turn < 40; turn++) await addEvents(pool, tenant, 5) }
  const fan = async (): Promise<void> => { while (!writing.signal.aborted) await fanOut(pool) }
  const read = async (): Promise<void> => {
    while (!writing.signal.aborted) {
      const { rows } = await pool.query<{ feed_seq: number }>('SELECT feed_seq FROM event WHERE feed_seq > $1 ORDER BY feed_seq', [seen.at(-1) ?? 0])
      seen.push(...rows.map(row => row.feed_seq))
    }
  }
  const others = [fan(), fan(), fan(), read()]
  await Promise.all([write(), write()])
  writing.abort()
  await Promise.all(others)
  while ((await fanOut(pool)).events > 0);
  const { rows: feed } = await pool.query<{ feed_seq: number }>('SELECT feed_seq FROM event ORDER BY feed_seq')
  t.deepEqual(feed.map(row => row.feed_seq), Array.from({ length: 400 }, (_, index) => index + 1))
  t.true(seen.length > 0)
  t.deepEqual(seen, Array.from({ length: seen.length }, (_, index) => index + 1), 'a reader that goes on from its cursor misses nothing')
  t.is((await pool.query('SELECT FROM webhook_delivery')).rowCount, 1_200)
})

test('events of a resource keep their order, also where a full batch would cut it', async t => {
  const { pool } = await openTestPool(t)
  await addEvents(pool, tenant, MOST_EVENTS - 1)
  await addEvents(pool, tenant, 2, { resourceId: 'batch_x' })
  // the second began its transaction first
  await pool.query("UPDATE event SET created_at = created_at - interval '1 hour' WHERE resource_id = 'batch_x' AND seq = 2")
  await pool.query("UPDATE event SET created_at = created_at + interval '1 second' WHERE resource_id = 'batch_x' AND seq = 1")
  t.is((await fanOut(pool)).events, MOST_EVENTS + 1)
  const { rows } = await pool.query<{ seq: number, feed_seq: number }>("SELECT seq, feed_seq FROM event WHERE resource_id = 'batch_x' ORDER BY feed_seq")
  t.deepEqual(rows.map(row => row.seq), [1, 2])
})

test('a delivery is queued again for its owner only, and only while its endpoint is enabled', async t => {
  const { pool } = await openTestPool(t)
  const { id } = await addEndpoint(pool, tenant)
  await addEvents(pool, tenant, 1)
  await fanOut(pool)
  await pool.query("UPDATE webhook_delivery SET state = 'exhausted', round = 9, attempts = 10, finished_at = now()")
  await settleDispatch(pool, id)
  const { rows: [delivery] } = await pool.query<{ id: string }>('SELECT id FROM webhook_delivery')
  const requeue = async (who: typeof tenant): Promise<string> => await inTransaction(pool, async client => await requeueDelivery(client, who, id, delivery!.id))
  t.is(await requeue(other), 'missing')
  await pool.query("UPDATE webhook_endpoint SET status = 'disabled'")
  t.is(await requeue(other), 'missing')
  t.is(await requeue(tenant), 'disabled')
  await pool.query("UPDATE webhook_endpoint SET status = 'enabled'")
  t.is(await requeue(tenant), 'queued')
  t.is((await inTransaction(pool, async client => await wakeDispatchers(client, [id]))).length, 1)
  const { rows } = await pool.query('SELECT state, trigger, round, attempts FROM webhook_delivery')
  t.deepEqual(rows, [{ state: 'pending', trigger: 'retry', round: 0, attempts: 10 }])
  t.is(await settleDispatch(pool, id), 'due')
})
