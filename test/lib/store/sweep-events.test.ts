import test from 'ava'
import { fanOut } from '../../../lib/store/fan-out.ts'
import { sweepEvents, sweepJobEndpoints, sweepSecrets } from '../../../lib/store/sweep-events.ts'
import { openTestPool } from '../../support/pool.ts'
import { addEndpoint, addEvents } from '../../support/webhooks.ts'
import { addJob } from './_job-fixture.ts'

const tenant = { organizationId: 'org_1', projectId: 'proj_1' }

test('old events go with their deliveries and attempts; those of unfinished jobs, young ones and the last of a numbering stay', async t => {
  const { pool } = await openTestPool(t)
  await addEndpoint(pool, tenant, { createdAt: "now() - interval '60 days'" })
  const running = await addJob(pool, tenant, 'running')
  const done = await addJob(pool, tenant, 'succeeded')
  await addEvents(pool, tenant, 2, { resourceId: 'batch_deleted' })
  await addEvents(pool, tenant, 3, { resourceId: 'key_1', type: 'key.rotated' })
  await pool.query("UPDATE event SET created_at = now() - interval '31 days'")
  await addEvents(pool, tenant, 1, { resourceId: 'batch_young' })
  t.is(await sweepEvents(pool, 100), 0, 'nothing that has not been fanned out')
  await fanOut(pool)
  await pool.query('INSERT INTO webhook_attempt (delivery_id, number, trigger, url, timing, request, started_at) SELECT id, 1, \'event\', \'x\', \'{}\', \'{}\', now() FROM webhook_delivery')
  t.is(await sweepEvents(pool, 3), 3)
  t.is(await sweepEvents(pool, 100), 2)
  const { rows } = await pool.query<{ resource_id: string, seq: number }>('SELECT resource_id, seq FROM event ORDER BY resource_id')
  t.deepEqual(rows.map(row => `${row.resource_id} ${row.seq}`).sort(), [`${running} 1`, 'batch_young 1', 'key_1 3'].sort())
  t.false(rows.some(row => row.resource_id === done))
  t.is((await pool.query('SELECT FROM webhook_attempt')).rowCount, 3)
})

test('expired secrets are removed', async t => {
  const { pool } = await openTestPool(t)
  await addEndpoint(pool, tenant, { secrets: ['whsec_a', 'whsec_b'] })
  await pool.query("UPDATE webhook_secret SET expires_at = now() - interval '1 second' WHERE id = (SELECT id FROM webhook_secret ORDER BY created_at LIMIT 1)")
  await sweepSecrets(pool, 10)
  t.is((await pool.query('SELECT FROM webhook_secret')).rowCount, 1)
})

test('the endpoint of a single job goes a day after all has ended, not before', async t => {
  const { pool } = await openTestPool(t)
  const createdAt = "now() - interval '3 days'"
  const [done, running, pending, late] = [await addJob(pool, tenant, 'succeeded'), await addJob(pool, tenant, 'running'), await addJob(pool, tenant, 'succeeded'), await addJob(pool, tenant, 'succeeded')]
  await pool.query("UPDATE event SET created_at = now() - interval '2 days'")
  const ids: string[] = []
  for (const resourceId of [done, running, pending, late]) ids.push((await addEndpoint(pool, tenant, { resourceId, createdAt })).id)
  await addEndpoint(pool, tenant, { createdAt })
  await fanOut(pool)
  await pool.query("UPDATE webhook_delivery SET state = 'delivered', finished_at = now() - interval '2 days'")
  await pool.query("UPDATE webhook_delivery SET state = 'pending', finished_at = NULL WHERE endpoint_id = $1", [ids[2]])
  await pool.query('UPDATE webhook_delivery SET finished_at = now() WHERE endpoint_id = $1', [ids[3]])
  await sweepJobEndpoints(pool, 10)
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM webhook_endpoint WHERE resource_id IS NOT NULL')
  t.deepEqual(rows.map(row => row.id).sort(), ids.slice(1).sort())
})
