import type { DisabledReason, PayloadVersion, WebhookEndpoint, WebhookTarget } from '../contracts/webhooks.ts'
import type { Sealed } from '../crypto/seal.ts'
import type { Queryable } from './database.ts'

/** An endpoint as those who send to it need it: with what is sealed. */
export interface StoredEndpoint {
  readonly endpoint: WebhookEndpoint
  /** Newest first, without those that have expired. */
  readonly secrets: ReadonlyArray<Sealed & { readonly id: string, readonly expiresAt: Date | null }>
  readonly headers: Sealed | null
  /** Another one after any change of the above, so that nothing is unsealed twice. */
  readonly version: string
}

interface EndpointRow {
  readonly id: string
  readonly organization_id: string
  readonly project_id: string
  readonly scope: WebhookEndpoint['scope']
  readonly resource_id: string | null
  readonly description: string
  readonly targets: WebhookTarget[]
  readonly event_types: string[]
  readonly metadata: Record<string, string> | null
  readonly payload: WebhookEndpoint['payload']
  readonly payload_version: PayloadVersion
  readonly signature: WebhookEndpoint['signature']
  readonly requests_per_second: number | null
  readonly concurrency: number
  readonly ordered: boolean
  readonly headers_sealed: Buffer | null
  readonly headers_kek: string | null
  readonly header_names: string[]
  readonly status: WebhookEndpoint['status']
  readonly disabled_reason: DisabledReason | null
  readonly disabled_at: Date | null
  readonly created_at: Date
  readonly updated_at: Date
  readonly secrets: Array<{ id: string, sealed: string, kek: string, expires_at: string | null }>
  readonly version: string
}

/** Endpoints of any tenant, for those who deliver to them. Ids that are not there are left out. */
export async function readStoredEndpoints (database: Queryable, ids: readonly string[]): Promise<Map<string, StoredEndpoint>> {
  const { rows } = await database.query<EndpointRow>(
    `SELECT webhook_endpoint.*, coalesce(secrets, '[]') AS secrets, concat_ws(' ', webhook_endpoint.xmin, versions) AS version
     FROM webhook_endpoint CROSS JOIN LATERAL (
       SELECT json_agg(json_build_object('id', id, 'sealed', encode(sealed, 'base64'), 'kek', kek, 'expires_at', expires_at) ORDER BY created_at DESC, id DESC) AS secrets,
         string_agg(concat_ws(' ', id, xmin), ' ' ORDER BY id) AS versions
       FROM webhook_secret WHERE endpoint_id = webhook_endpoint.id AND (expires_at IS NULL OR expires_at > now())
     ) AS signing
     WHERE webhook_endpoint.id = ANY($1)`, [ids])
  return new Map(rows.map(row => [row.id, toStoredEndpoint(row)]))
}

function toStoredEndpoint (row: EndpointRow): StoredEndpoint {
  return {
    endpoint: {
      id: row.id,
      organizationId: row.organization_id,
      projectId: row.project_id,
      scope: row.scope,
      resourceId: row.resource_id,
      description: row.description,
      targets: row.targets,
      eventTypes: row.event_types,
      metadata: row.metadata,
      payload: row.payload,
      payloadVersion: row.payload_version,
      signature: row.signature,
      requestsPerSecond: row.requests_per_second,
      concurrency: row.concurrency,
      ordered: row.ordered,
      headerNames: row.header_names,
      status: row.status,
      disabledReason: row.disabled_reason,
      disabledAt: row.disabled_at,
      createdAt: row.created_at,
      updatedAt: row.updated_at
    },
    secrets: row.secrets.map(secret => ({
      id: secret.id, sealed: Buffer.from(secret.sealed, 'base64'), kek: secret.kek, expiresAt: secret.expires_at === null ? null : new Date(secret.expires_at)
    })),
    headers: row.headers_sealed === null ? null : { sealed: row.headers_sealed, kek: row.headers_kek! },
    version: row.version
  }
}
