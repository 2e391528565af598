import type { Pool } from 'pg'
import type { DisabledReason } from '../contracts/webhooks.ts'
import { newId } from '../ids.ts'
import { inTransaction, type Queryable } from './database.ts'
import type { OutboxEntry } from './outbox.ts'
import { deliverMessage, lockDispatches } from './wake-dispatchers.ts'
import { headsOf } from './webhook-deliveries.ts'

/** What a dispatcher starts from. null = the endpoint is gone. */
export async function readDispatch (database: Queryable, endpointId: string): Promise<{ failures: number, restUntil: Date | null } | null> {
  const { rows: [row] } = await database.query<{ failures: number, rest_until: Date | null }>('SELECT failures, rest_until FROM webhook_dispatch WHERE endpoint_id = $1', [endpointId])
  return row === undefined ? null : { failures: row.failures, restUntil: row.rest_until }
}

/**
 * Whether a dispatcher that found nothing more to do may rest, decided with the lock that whoever adds deliveries takes: 'due' = go on; a time =
 * it waits until then; null = it sleeps, because nothing is pending or the endpoint is gone.
 */
export async function settleDispatch (pool: Pool, endpointId: string): Promise<'due' | Date | null> {
  return await inTransaction(pool, async client => {
    const endpoint = (await lockDispatches(client, [endpointId])).get(endpointId)
    if (endpoint === undefined) return null
    if (!endpoint.enabled) await withdrawDeliveries(client, endpointId)
    const { rows: [row] } = await client.query<{ wake_at: Date | null, due: boolean }>(
      `WITH next AS (
         SELECT greatest(min(due_at), (SELECT rest_until FROM webhook_dispatch WHERE endpoint_id = $1 AND rest_until > clock_timestamp())) AS wake_at
         FROM (SELECT due_at FROM webhook_delivery WHERE endpoint_id = $1 AND state = 'pending' AND NOT (SELECT ordered FROM webhook_endpoint WHERE id = $1)
           UNION ALL SELECT due_at FROM (${headsOf('$1')}) AS head WHERE (SELECT ordered FROM webhook_endpoint WHERE id = $1)) AS pending
         HAVING min(due_at) IS NOT NULL
       )
       SELECT wake_at, wake_at <= clock_timestamp() AS due FROM next`, [endpointId])
    if (row?.due === true) return 'due'
    const wakeAt = row?.wake_at ?? null
    await client.query('UPDATE webhook_dispatch SET state = $2, wake_at = $3, updated_at = now() WHERE endpoint_id = $1', [endpointId, wakeAt === null ? 'asleep' : 'waiting', wakeAt])
    return wakeAt
  })
}

/** Disables an endpoint because of what its receiver answered, withdraws what is pending and tells it in an event. False when it was disabled before. */
export async function disableFailingEndpoint (pool: Pool, endpointId: string, reason: Exclude<DisabledReason, 'requested'>): Promise<boolean> {
  return await inTransaction(pool, async client => {
    const { rowCount } = await client.query(
      "UPDATE webhook_endpoint SET status = 'disabled', disabled_reason = $2, disabled_at = now(), updated_at = now() WHERE id = $1 AND status = 'enabled'", [endpointId, reason])
    if (rowCount !== 1) return false
    await lockDispatches(client, [endpointId])
    await withdrawDeliveries(client, endpointId)
    await insertHealthEvent(client, endpointId, 'webhook.endpoint_disabled', { reason })
    return true
  })
}

/** Tells once per spell that an endpoint fails; false when it was told before, or it has succeeded meanwhile. */
export async function tellFailing (pool: Pool, endpointId: string): Promise<boolean> {
  return await inTransaction(pool, async client => {
    const { rowCount } = await client.query('UPDATE webhook_dispatch SET failing_told = true WHERE endpoint_id = $1 AND NOT failing_told AND failing_since IS NOT NULL', [endpointId])
    if (rowCount !== 1) return false
    await insertHealthEvent(client, endpointId, 'webhook.endpoint_failing', {})
    return true
  })
}

async function withdrawDeliveries (client: Queryable, endpointId: string): Promise<void> {
  await client.query("UPDATE webhook_delivery SET state = 'disabled', finished_at = now() WHERE endpoint_id = $1 AND state = 'pending'", [endpointId])
}

/** The dispatch row is locked, so the sequence of the endpoint's events has no gap. */
async function insertHealthEvent (client: Queryable, endpointId: string, type: string, data: Readonly<Record<string, unknown>>): Promise<void> {
  await client.query(
    `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
     SELECT $2, organization_id, project_id, id, (SELECT coalesce(max(seq), 0) + 1 FROM event WHERE resource_id = $1), $3,
       $4::jsonb || jsonb_strip_nulls(jsonb_build_object('failures', failures, 'failing_since', failing_since))
     FROM webhook_endpoint JOIN webhook_dispatch ON endpoint_id = id WHERE id = $1`, [endpointId, newId('event'), type, JSON.stringify(data)])
}

/** Some dispatchers that should have a run: not asleep for `age` ms, no worker is on them and nothing in the outbox will wake them. */
export async function readAwakeDispatchers (database: Queryable, age: number, limit: number): Promise<OutboxEntry[]> {
  const { rows } = await database.query<{ id: string, organization_id: string, project_id: string }>(
    `SELECT id, organization_id, project_id FROM webhook_dispatch JOIN webhook_endpoint ON id = endpoint_id
     WHERE state <> 'asleep' AND webhook_dispatch.updated_at < now() - $1 * interval '1 millisecond'
       AND NOT EXISTS (SELECT FROM activity_lease WHERE resource_id = endpoint_id) AND NOT EXISTS (SELECT FROM outbox WHERE resource_id = endpoint_id)
     ORDER BY random() LIMIT $2`, [age, limit])
  return rows.map(row => deliverMessage({ id: row.id, organizationId: row.organization_id, projectId: row.project_id }))
}
