import type { Tenant } from '../contracts/jobs.ts'
import { workflowNames, type WebhookDispatchInput } from '../contracts/workflows.ts'
import type { Queryable } from './database.ts'
import type { OutboxEntry } from './outbox.ts'

/**
 * Locks what decides whether dispatchers sleep. Whoever adds, ends or withdraws deliveries of an endpoint holds this lock, and so does a dispatcher
 * that decides whether anything is left: hence no delivery is added to one that just went to sleep. The order of locks is feed, endpoint, dispatch,
 * deliveries, and by id among endpoints. Returns the endpoints that exist and whether they are enabled; read with the lock held, as callers' next statements are.
 */
export async function lockDispatches (client: Queryable, endpointIds: readonly string[]): Promise<Map<string, { readonly enabled: boolean }>> {
  // KEY SHARE: a delivery that is inserted refers to the endpoint, and its deletion takes the same locks in the same order
  await client.query(
    `SELECT FROM webhook_endpoint JOIN webhook_dispatch ON webhook_dispatch.endpoint_id = webhook_endpoint.id WHERE webhook_endpoint.id = ANY($1)
     ORDER BY webhook_endpoint.id FOR KEY SHARE OF webhook_endpoint FOR NO KEY UPDATE OF webhook_dispatch`, [endpointIds])
  // a second statement, because the first one's snapshot is from before the wait
  const { rows } = await client.query<{ id: string, enabled: boolean }>("SELECT id, status = 'enabled' AS enabled FROM webhook_endpoint WHERE id = ANY($1)", [endpointIds])
  return new Map(rows.map(row => [row.id, { enabled: row.enabled }]))
}

/**
 * Sees that the dispatchers of these endpoints look at what is due, in the transaction that made it due. Returns what has to be sent to
 * Temporal after the commit (sendToWorkflow): one entry for each dispatcher that was not at work already. A dispatcher that rests at its
 * receiver's wish and whose timer ends with that rest is left alone.
 */
export async function wakeDispatchers (client: Queryable, endpointIds: readonly string[]): Promise<OutboxEntry[]> {
  await lockDispatches(client, endpointIds)
  const { rows } = await client.query<{ resource_id: string, input: OutboxEntry['input'], version: string }>(
    `WITH woken AS (
       UPDATE webhook_dispatch SET state = 'working', wake_at = NULL, updated_at = now()
       WHERE endpoint_id = ANY($1) AND state <> 'working' AND NOT coalesce(state = 'waiting' AND rest_until > now() AND wake_at <= rest_until, false)
       RETURNING endpoint_id
     )
     INSERT INTO outbox (resource_id, action, workflow, input)
     SELECT id, 'deliver', $2, jsonb_build_object('endpointId', id, 'organizationId', organization_id, 'projectId', project_id)
     FROM webhook_endpoint JOIN woken ON endpoint_id = id ORDER BY id
     ON CONFLICT (resource_id, action) DO UPDATE SET created_at = now()
     RETURNING resource_id, input, xmin::text AS version`, [endpointIds, workflowNames.webhookDispatch])
  return rows.map(row => ({ resourceId: row.resource_id, action: 'deliver', workflow: workflowNames.webhookDispatch, input: row.input, version: row.version }))
}

/** What is sent to an endpoint's dispatcher, as wakeDispatchers writes it. */
export function deliverMessage (endpoint: Tenant & { readonly id: string }): OutboxEntry {
  const input: WebhookDispatchInput = { endpointId: endpoint.id, organizationId: endpoint.organizationId, projectId: endpoint.projectId }
  return { resourceId: endpoint.id, action: 'deliver', workflow: workflowNames.webhookDispatch, input }
}

/**
 * Makes a delivery due now with its whole schedule before it, whatever became of it, in the caller's transaction; wakeDispatchers comes next.
 * `tenant` is the endpoint's. A replay that the delivery belongs to goes on counting it. `disabled` = the endpoint is, and nothing was changed. A request that is under way now counts as the one that was asked for.
 */
export async function requeueDelivery (client: Queryable, tenant: Tenant, endpointId: string, deliveryId: string): Promise<'queued' | 'disabled' | 'missing'> {
  const enabled = (await lockDispatches(client, [endpointId])).get(endpointId)?.enabled
  const { rows: [found] } = await client.query<{ id: string }>(
    `SELECT webhook_delivery.id FROM webhook_delivery JOIN webhook_endpoint ON webhook_endpoint.id = endpoint_id
     WHERE webhook_delivery.id = $1 AND endpoint_id = $2 AND webhook_endpoint.organization_id = $3 AND webhook_endpoint.project_id = $4`,
    [deliveryId, endpointId, tenant.organizationId, tenant.projectId])
  if (found === undefined) return 'missing'
  if (enabled !== true) return 'disabled'
  await client.query(
    "UPDATE webhook_delivery SET state = 'pending', trigger = 'retry', round = 0, tried = '{}', due_at = now(), finished_at = NULL WHERE id = $1", [found.id])
  return 'queued'
}
