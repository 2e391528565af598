import type { Caller, Tenant } from '../contracts/jobs.ts'
import { hasScope } from '../contracts/scopes.ts'
import type { DisabledReason, PayloadVersion, WebhookTarget } from '../contracts/webhooks.ts'
import type { Sealed } from '../crypto/seal.ts'
import { newId } from '../ids.ts'
import { type Page, type PageQuery, readRow, updateColumns } from './admin-rows.ts'
import type { Queryable } from './database.ts'
import { lockDispatches } from './wake-dispatchers.ts'

/** Whose endpoints: of a project, and those for its whole organization only if `whole`. It is part of every query of endpoints and their log. */
export interface EndpointReach extends Tenant { readonly whole: boolean }

/** Endpoints for a whole organization are hidden from keys that may not see the whole: their deliveries tell of other projects. */
export function endpointReach ({ organizationId, projectId, scopes }: Caller): EndpointReach {
  return { organizationId, projectId, whole: hasScope(scopes, 'organization') }
}

/** What a caller sets of an endpoint, by the names of its columns. */
export interface EndpointFields {
  readonly scope: 'project' | 'organization'
  readonly description: string
  readonly targets: readonly WebhookTarget[]
  readonly event_types: readonly string[]
  readonly metadata: Readonly<Record<string, string>> | null
  readonly payload: 'thin' | 'full'
  readonly payload_version: PayloadVersion
  readonly requests_per_second: number | null
  readonly concurrency: number
  readonly ordered: boolean
}

/** An endpoint as it is shown: no secret, no value of a header. */
export interface EndpointRow extends EndpointFields {
  readonly id: string
  readonly project_id: string
  readonly resource_id: string | null
  readonly signature: 'hmac' | 'ed25519'
  readonly header_names: readonly string[]
  readonly enabled: boolean
  readonly disabled_reason: DisabledReason | null
  readonly disabled_at: Date | null
  /** Those that sign now, newest first. public_key: `whpk_…`, of ed25519 only. */
  readonly secrets: ReadonlyArray<{ readonly id: string, readonly public_key: string | null, readonly created_at: string, readonly expires_at: string | null }>
  /** Failed attempts since the last success. */
  readonly failures: number
  readonly failing_since: Date | null
  readonly last_success_at: Date | null
  readonly created_at: Date
  readonly updated_at: Date
}

/** Deliveries changed by one statement. */
const BATCH = 5_000

const mine = 'webhook_endpoint.organization_id = $1 AND webhook_endpoint.project_id = $2 AND (webhook_endpoint.scope = \'project\' OR $3)'
const select = `SELECT webhook_endpoint.id, project_id, scope, resource_id, description, targets, event_types, metadata, payload, payload_version, signature, requests_per_second,
    concurrency, ordered, header_names, status = 'enabled' AS enabled, disabled_reason, disabled_at, webhook_endpoint.created_at, webhook_endpoint.updated_at,
    coalesce(failures, 0) AS failures, failing_since, last_success_at,
    coalesce((SELECT json_agg(json_build_object('id', webhook_secret.id, 'public_key', public_key, 'created_at', webhook_secret.created_at, 'expires_at', expires_at)
        ORDER BY webhook_secret.created_at DESC, webhook_secret.id DESC)
      FROM webhook_secret WHERE endpoint_id = webhook_endpoint.id AND (expires_at IS NULL OR expires_at > now())), '[]') AS secrets
  FROM webhook_endpoint LEFT JOIN webhook_dispatch ON webhook_dispatch.endpoint_id = webhook_endpoint.id WHERE ${mine}`
const reachValues = ({ organizationId, projectId, whole }: EndpointReach): unknown[] => [organizationId, projectId, whole]

/** Newest first. Endpoints of one job are listed only for that job. `after`: id of the last one seen. */
export async function listEndpoints (database: Queryable, reach: EndpointReach, filter: PageQuery & { readonly resourceId?: string }): Promise<Page<EndpointRow>> {
  const { rows } = await database.query<EndpointRow>(
    `${select} AND resource_id IS NOT DISTINCT FROM $4
       AND ($5::text IS NULL OR (webhook_endpoint.created_at, webhook_endpoint.id) < (SELECT created_at, id FROM webhook_endpoint WHERE ${mine} AND id = $5))
     ORDER BY webhook_endpoint.created_at DESC, webhook_endpoint.id DESC LIMIT $6`,
    [...reachValues(reach), filter.resourceId ?? null, filter.after ?? null, filter.limit + 1])
  return { data: rows.slice(0, filter.limit), hasMore: rows.length > filter.limit }
}

export async function readEndpoint (database: Queryable, reach: EndpointReach, id: string): Promise<EndpointRow | null> {
  return await readRow(database, `${select} AND webhook_endpoint.id = $4`, [...reachValues(reach), id])
}

/**
 * Keeps others from changing the endpoint until the transaction ends. FOR NO KEY UPDATE: fan-out, which adds deliveries that refer to it, must not wait.
 */
export async function lockEndpoint (client: Queryable, reach: EndpointReach, id: string): Promise<EndpointRow | null> {
  await client.query(`SELECT FROM webhook_endpoint WHERE ${mine} AND id = $4 FOR NO KEY UPDATE`, [...reachValues(reach), id])
  return await readEndpoint(client, reach, id)
}

/** Endpoints of a project, those of single jobs left out. */
export async function countEndpoints (database: Queryable, tenant: Tenant): Promise<number> {
  return (await readRow<{ count: number }>(database, 'SELECT count(*) AS count FROM webhook_endpoint WHERE organization_id = $1 AND project_id = $2 AND resource_id IS NULL', [tenant.organizationId, tenant.projectId]))!.count
}

/** Custom headers, sealed as one JSON text; null = none. */
export interface SealedHeaders { readonly headers_sealed: Buffer | null, readonly headers_kek: string | null, readonly header_names: readonly string[] }

export interface NewEndpoint extends EndpointFields, SealedHeaders {
  readonly id: string
  readonly resourceId: string | null
  readonly signature: 'hmac' | 'ed25519'
  readonly enabled: boolean
}

/** In the caller's transaction, together with its first secret. */
export async function insertEndpoint (client: Queryable, tenant: Tenant, endpoint: NewEndpoint): Promise<void> {
  await client.query(
    `INSERT INTO webhook_endpoint (id, organization_id, project_id, scope, resource_id, description, targets, event_types, metadata, payload, payload_version, signature, requests_per_second,
       concurrency, ordered, headers_sealed, headers_kek, header_names, status, disabled_reason, disabled_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, CASE WHEN $19 THEN 'enabled' ELSE 'disabled' END,
       CASE WHEN NOT $19 THEN 'requested' END, CASE WHEN NOT $19 THEN now() END)`,
    [endpoint.id, tenant.organizationId, tenant.projectId, endpoint.scope, endpoint.resourceId, endpoint.description, JSON.stringify(endpoint.targets), endpoint.event_types, endpoint.metadata, endpoint.payload,
      endpoint.payload_version, endpoint.signature, endpoint.requests_per_second, endpoint.concurrency, endpoint.ordered, endpoint.headers_sealed, endpoint.headers_kek, endpoint.header_names, endpoint.enabled])
  await client.query('INSERT INTO webhook_dispatch (endpoint_id) VALUES ($1)', [endpoint.id])
}

/** Changes a locked endpoint. What is undefined stays as it is. */
export async function updateEndpoint (client: Queryable, id: string, fields: Partial<EndpointFields & SealedHeaders>): Promise<void> {
  const targets = fields.targets === undefined ? {} : { targets: JSON.stringify(fields.targets) }
  await updateColumns(client, 'webhook_endpoint', { id }, { ...fields, ...targets, updated_at: new Date() })
}

/**
 * With its deliveries and their attempts, which can be millions: they go in portions, each a transaction, and the endpoint last. Cut short, it
 * is still there to be deleted again. false = there is none.
 */
export async function deleteEndpoint (pool: Queryable, reach: EndpointReach, id: string): Promise<boolean> {
  const row = await readEndpoint(pool, reach, id)
  if (row === null) return false
  // nothing new is sent meanwhile
  await pool.query(`UPDATE webhook_endpoint SET status = 'disabled', disabled_reason = 'requested', disabled_at = now() WHERE ${mine} AND id = $4 AND status = 'enabled'`, [...reachValues(reach), id])
  for (let deleted = BATCH; deleted === BATCH;) {
    const { rowCount } = await pool.query(`DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE endpoint_id = $1 LIMIT ${BATCH})`, [id])
    deleted = rowCount ?? 0
  }
  await pool.query(`DELETE FROM webhook_endpoint WHERE ${mine} AND id = $4`, [...reachValues(reach), id])
  return true
}

/** Secrets of one endpoint at most: each signs every delivery, and the header has to stay short. */
export const mostSecrets = 5

export interface NewSecret extends Sealed { readonly id: string, readonly publicKey: string | null }

/** The first secret of an endpoint, or a new one: those before sign for `overlap` seconds more, or shorter where they end earlier. Only the newest are kept. */
export async function insertSecret (client: Queryable, endpointId: string, secret: NewSecret, overlap = 0): Promise<void> {
  // truncated: rounded up to the column's ms, the end of a secret without overlap would lie in the future
  await client.query("UPDATE webhook_secret SET expires_at = least(expires_at, date_trunc('milliseconds', now()) + make_interval(secs => $2)) WHERE endpoint_id = $1", [endpointId, overlap])
  // clock_timestamp: newer than a secret made in the same transaction
  await client.query('INSERT INTO webhook_secret (id, endpoint_id, sealed, kek, public_key, created_at) VALUES ($1, $2, $3, $4, $5, clock_timestamp())',
    [secret.id, endpointId, secret.sealed, secret.kek, secret.publicKey])
  await client.query(
    `DELETE FROM webhook_secret WHERE endpoint_id = $1 AND (expires_at <= now()
       OR id IN (SELECT id FROM webhook_secret WHERE endpoint_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2))`, [endpointId, mostSecrets])
}

/** A sealed secret of an endpoint in reach; null when it is gone. */
export async function readSealedSecret (database: Queryable, reach: EndpointReach, endpointId: string, secretId: string): Promise<Sealed | null> {
  return await readRow(database, `SELECT sealed, kek FROM webhook_secret JOIN webhook_endpoint ON webhook_endpoint.id = endpoint_id WHERE ${mine} AND webhook_endpoint.id = $4 AND webhook_secret.id = $5`,
    [...reachValues(reach), endpointId, secretId])
}

/** The public keys by which receivers verify, newest first; of any tenant: they are public, and the id names the endpoint. None = no such endpoint, or one with HMAC. */
export async function readPublicKeys (database: Queryable, endpointId: string): Promise<Array<{ readonly id: string, readonly public_key: string }>> {
  const { rows } = await database.query<{ id: string, public_key: string }>(
    'SELECT id, public_key FROM webhook_secret WHERE endpoint_id = $1 AND public_key IS NOT NULL AND (expires_at IS NULL OR expires_at > now()) ORDER BY created_at DESC, id DESC', [endpointId])
  return rows
}

/** Disables a locked endpoint at its owner's wish, and tells it in an event: what is pending will not be sent. */
export async function disableEndpoint (client: Queryable, id: string): Promise<void> {
  await lockDispatches(client, [id])
  await client.query("UPDATE webhook_endpoint SET status = 'disabled', disabled_reason = 'requested', disabled_at = now(), updated_at = now() WHERE id = $1", [id])
  await changeDeliveries(client, "UPDATE webhook_delivery SET state = 'disabled', finished_at = now()", "state = 'pending'", id)
  // the lock of the dispatch row keeps the sequence of the endpoint's events
  await client.query(
    `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
     SELECT $2, organization_id, project_id, id, (SELECT coalesce(max(seq), 0) + 1 FROM event WHERE resource_id = $1), 'webhook.endpoint_disabled', '{"reason": "requested"}'
     FROM webhook_endpoint WHERE id = $1`, [id, newId('event')])
}

/** Enables a locked endpoint: its past failures count no more. */
export async function enableEndpoint (client: Queryable, id: string): Promise<void> {
  await client.query("UPDATE webhook_endpoint SET status = 'enabled', disabled_reason = NULL, disabled_at = NULL, updated_at = now() WHERE id = $1", [id])
  await client.query('UPDATE webhook_dispatch SET failures = 0, failing_since = NULL, failing_told = false, rest_until = NULL WHERE endpoint_id = $1', [id])
}

/** What a locked endpoint missed while it was disabled is due now; wakeDispatchers comes next. Returns how many deliveries. */
export async function requeueMissed (client: Queryable, id: string): Promise<number> {
  await lockDispatches(client, [id])
  return await changeDeliveries(client, "UPDATE webhook_delivery SET state = 'pending', trigger = 'retry', round = 0, tried = '{}', due_at = now(), finished_at = NULL", "state = 'disabled'", id)
}

async function changeDeliveries (client: Queryable, update: string, condition: string, endpointId: string): Promise<number> {
  let changed = 0
  for (;;) {
    const { rowCount } = await client.query(`${update} WHERE id IN (SELECT id FROM webhook_delivery WHERE endpoint_id = $1 AND ${condition} ORDER BY created_at, id LIMIT ${BATCH})`, [endpointId])
    changed += rowCount ?? 0
    if ((rowCount ?? 0) < BATCH) return changed
  }
}
