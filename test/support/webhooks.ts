import { createEncryptionKey, createKeyring, webhookHeadersPlace, webhookSecretPlace } from '../../lib/crypto/seal.ts'
import type { Tenant } from '../../lib/contracts/jobs.ts'
import type { WebhookEndpoint } from '../../lib/contracts/webhooks.ts'
import { newId } from '../../lib/ids.ts'
import type { Queryable } from '../../lib/store/database.ts'
import { createHmacSecret } from '../../lib/webhooks/secrets.ts'

export const testEncryptionKeys = createEncryptionKey('test')
export const testKeyring = createKeyring(testEncryptionKeys)

export interface EndpointOptions extends Partial<Pick<WebhookEndpoint, 'scope' | 'resourceId' | 'targets' | 'eventTypes' | 'payload' | 'requestsPerSecond' | 'concurrency' | 'ordered' | 'status'>> {
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Newest first; default: a new one. */
  readonly secrets?: readonly string[]
  /** SQL; default a minute ago. */
  readonly createdAt?: string
}

/** An endpoint as the API stores it, with its secrets. */
export async function addEndpoint (database: Queryable, tenant: Tenant, options: EndpointOptions = {}, keyring = testKeyring): Promise<{ id: string, secrets: readonly string[] }> {
  const id = newId('endpoint')
  const { secrets = [createHmacSecret()], headers } = options
  const sealed = headers === undefined ? null : keyring.seal(JSON.stringify(headers), webhookHeadersPlace(id))
  await database.query(
    `INSERT INTO webhook_endpoint (id, organization_id, project_id, scope, resource_id, targets, event_types, payload, payload_version, requests_per_second, concurrency, ordered,
       headers_sealed, headers_kek, header_names, status, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '2026-11-27', $9, $10, $11, $12, $13, $14, $15, ${options.createdAt ?? "now() - interval '1 minute'"})`,
    [id, tenant.organizationId, tenant.projectId, options.scope ?? 'project', options.resourceId ?? null,
      JSON.stringify(options.targets ?? [{ url: options.url ?? 'http://127.0.0.1:9/', weight: 1 }]), options.eventTypes ?? ['*'], options.payload ?? 'thin',
      options.requestsPerSecond ?? null, options.concurrency ?? 10, options.ordered ?? false, sealed?.sealed ?? null, sealed?.kek ?? null, Object.keys(headers ?? {}), options.status ?? 'enabled'])
  await database.query('INSERT INTO webhook_dispatch (endpoint_id) VALUES ($1)', [id])
  for (const [index, secret] of secrets.entries()) {
    const secretId = newId('webhookSecret')
    const { sealed, kek } = keyring.seal(secret, webhookSecretPlace(secretId))
    await database.query("INSERT INTO webhook_secret (id, endpoint_id, sealed, kek, created_at) VALUES ($1, $2, $3, $4, now() - $5 * interval '1 second')", [secretId, id, sealed, kek, index])
  }
  return { id, secrets }
}

/** Events of one resource, as a change of it commits them; returns their ids in order. */
export async function addEvents (database: Queryable, tenant: Tenant, count: number, options: { resourceId?: string, type?: string, data?: object, fromSeq?: number } = {}): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newId('event'))
  await database.query(
    `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
     SELECT id, $2, $3, coalesce($4, 'batch_' || id), $7 + CASE WHEN $4 IS NULL THEN 0 ELSE number - 1 END, $5, $6 FROM unnest($1::text[]) WITH ORDINALITY AS t (id, number)`,
    [ids, tenant.organizationId, tenant.projectId, options.resourceId ?? null, options.type ?? 'batch.completed', JSON.stringify(options.data ?? {}), options.fromSeq ?? 1])
  return ids
}
