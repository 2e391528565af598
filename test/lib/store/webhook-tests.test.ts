import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { fanOut } from '../../../lib/store/fan-out.ts'
import { insertPing } from '../../../lib/store/webhook-tests.ts'
import { openTestPool } from '../../support/pool.ts'
import { addEndpoint, addEvents } from '../../support/webhooks.ts'

const tenant = { organizationId: 'org_1', projectId: 'proj_1' }

test('a ping that waits for its place in the feed holds nothing that a fan-out needs next, so the two cannot wait for each other', async t => {
  const { pool } = await openTestPool(t)
  const { id } = await addEndpoint(pool, tenant)
  await addEvents(pool, tenant, 1)
  await fanOut(pool)
  const fanningOut = await pool.connect()
  try {
    await fanningOut.query('BEGIN')
    await fanningOut.query('UPDATE event_feed SET last = last + 1')
    const pinging = insertPing(pool, id)
    const isBlocked = async (): Promise<boolean> => (await pool.query("SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")).rowCount === 1
    while (!await isBlocked()) await sleep(10)
    await fanningOut.query('SELECT FROM webhook_endpoint WHERE id = $1 FOR KEY SHARE NOWAIT', [id])
    await fanningOut.query('SELECT FROM webhook_dispatch WHERE endpoint_id = $1 FOR NO KEY UPDATE NOWAIT', [id])
    await fanningOut.query('COMMIT')
    t.is((await pinging)!.event.feedSeq, 3)
  } finally {
    fanningOut.release()
  }
})

test('pings and fan-outs of one project go on beside each other without a deadlock', async t => {
  const { pool } = await openTestPool(t)
  const endpoints = await Promise.all([addEndpoint(pool, tenant), addEndpoint(pool, tenant)])
  const pinged = new AbortController()
  const fanning = (async () => {
    while (!pinged.signal.aborted) {
      await addEvents(pool, tenant, 5)
      await fanOut(pool)
    }
  })()
  try {
    await Promise.all(endpoints.map(async ({ id }) => { for (let count = 0; count < 40; count++) t.truthy(await insertPing(pool, id)) }))
  } finally {
    pinged.abort()
    await fanning
  }
  await fanOut(pool)
  const { rows: [feed] } = await pool.query<{ events: number, places: number, last: number }>(
    'SELECT count(*)::int AS events, count(DISTINCT feed_seq)::int AS places, max(feed_seq)::int AS last FROM event')
  t.is(feed!.places, feed!.events)
  t.is(feed!.last, feed!.events, 'no place in the feed is left out')
})

test('an endpoint that is gone gets no ping', async t => {
  const { pool } = await openTestPool(t)
  t.is(await insertPing(pool, 'we_gone'), null)
  t.is((await pool.query('SELECT FROM event_feed')).rowCount, 0)
})
