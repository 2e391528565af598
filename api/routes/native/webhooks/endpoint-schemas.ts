import { Type } from '@fastify/type-provider-typebox'
import { payloadVersions } from '../../../../lib/contracts/webhooks.ts'
import { Metadata, OneOf } from '../../../schemas.ts'
import { Nullable, Time } from '../admin/common.ts'
import { EventPatterns } from './event-schemas.ts'

const Url = Type.String({ minLength: 1, maxLength: 2_048 })
const Target = Type.Object({
  url: Url,
  weight: Type.Integer({ minimum: 1, maximum: 1_000, default: 1, description: 'its share of the deliveries, beside the weights of the others' })
}, { additionalProperties: false })
/** The text of a caller's own secret; lib/webhooks/secrets.ts knows its form. */
export const OwnSecret = Type.String({ maxLength: 200, description: 'your own: `whsec_` and base64 of 24 to 64 bytes. Without it one is made' })

/** What can be set at creation, and changed. */
const settings = {
  url: Type.Unsafe<string>({ ...Url, description: 'https:, port 443 or 8443, a public host. This or `targets`' }),
  targets: Type.Array(Target, { minItems: 1, maxItems: 10, description: 'several URLs: shared by weight; when one fails, the others are tried' }),
  event_types: EventPatterns,
  description: Type.String({ maxLength: 500, pattern: '^[^\\u0000]*$' }),
  metadata: Metadata,
  payload: OneOf(['thin', 'full'] as const, 'thin: `data` is `{id}`; full: the object as it was'),
  payload_version: OneOf(payloadVersions, 'an endpoint stays with the version it was made with'),
  requests_per_second: Nullable(Type.Integer({ minimum: 1, maximum: 10_000, description: 'null = no limit' })),
  concurrency: Type.Integer({ minimum: 1, maximum: 100, description: 'requests under way at once; 10 unless given' }),
  ordered: Type.Boolean({ description: 'the next event of a resource waits for the end of the one before' }),
  headers: Nullable(Type.Record(Type.String(), Type.String(), { description: 'sent with every request; write-only' })),
  scope: OneOf(['project', 'organization'] as const, '`organization` = events of all its projects and of itself; needs the scope organization'),
  enabled: Type.Boolean()
}
const optional = Type.Partial(Type.Object(settings)).properties
const signature = Type.Optional(OneOf(['hmac', 'ed25519'] as const, 'fixed at creation'))

export const NewEndpoint = Type.Object({ ...optional, event_types: settings.event_types, signature, secret: Type.Optional(OwnSecret) }, { additionalProperties: false })
export const EndpointReplacement = Type.Object({ ...optional, event_types: settings.event_types, signature }, { additionalProperties: false })
export const EndpointChanges = Type.Object(optional, { additionalProperties: false, minProperties: 1 })

export const Endpoint = Type.Object({
  id: Type.String(),
  project_id: Type.String(),
  scope: Type.String(),
  resource_id: Nullable(Type.String({ description: 'the job that it was created with: it gets that job\'s events only' })),
  description: Type.String(),
  targets: Type.Array(Type.Object({ url: Type.String(), weight: Type.Integer() })),
  event_types: Type.Array(Type.String()),
  metadata: Nullable(Type.Record(Type.String(), Type.String())),
  payload: Type.String(),
  payload_version: Type.String(),
  signature: Type.String(),
  requests_per_second: Nullable(Type.Integer()),
  concurrency: Type.Integer(),
  ordered: Type.Boolean(),
  header_names: Type.Array(Type.String(), { description: 'of the custom headers; their values are never shown' }),
  enabled: Type.Boolean(),
  disabled_reason: Nullable(Type.String({ description: '`requested`, `failing` (nothing but failure for days) or `gone` (it answered 410)' })),
  disabled_at: Nullable(Time),
  secrets: Type.Array(Type.Object({ id: Type.String(), public_key: Nullable(Type.String({ description: '`whpk_…`, of ed25519 only' })), created_at: Type.String(), expires_at: Nullable(Type.String()) }), { description: 'those that sign now, newest first' }),
  failures: Type.Integer({ description: 'failed attempts since the last success' }),
  failing_since: Nullable(Time),
  last_success_at: Nullable(Time),
  created_at: Time,
  updated_at: Time
})
export const EndpointWithSecret = Type.Object({
  ...Endpoint.properties,
  secret: Nullable(Type.String({ description: '`whsec_…`, in the answer that made it and in its replays only; null for your own and for ed25519' }))
})
