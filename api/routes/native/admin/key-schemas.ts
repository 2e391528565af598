import { Type } from '@fastify/type-provider-typebox'
import { scopes } from '../../../../lib/contracts/scopes.ts'
import { OneOf } from '../../../schemas.ts'
import { ManagedBy, Name, Nullable, Reference, Time } from './common.ts'

/** What a caller sets of a key, beside its name. */
export const policyFields = {
  scopes: Type.Array(OneOf(scopes), { maxItems: 10, uniqueItems: true, description: 'none = inference, batch, files and usage' }),
  models: Nullable(Type.Array(Type.String({ pattern: '^[!-~]{1,256}$' }), { maxItems: 200, description: 'public model names, which may end in `*`; null = all' })),
  allowed_ips: Nullable(Type.Array(Type.String({ maxLength: 64 }), { maxItems: 100, description: 'addresses and CIDR ranges; null = anywhere' })),
  expires_at: Nullable(Type.String({ format: 'date-time', maxLength: 40 })),
  cache_ttl_seconds: Nullable(Type.Integer({ minimum: 1, maximum: 2_592_000, description: 'answers are cached this long without being asked' })),
  rotate_every_days: Nullable(Type.Integer({ minimum: 1, maximum: 3650, description: 'a new secret by itself; fetch it with claim before the overlap ends' })),
  overlap_seconds: Type.Integer({ minimum: 0, maximum: 2_592_000, description: 'how long the secret before goes on working after a rotation' })
}

export const NewKey = Type.Object({ name: Name, project_id: Type.Optional(Reference), ...Type.Partial(Type.Object(policyFields)).properties }, { additionalProperties: false })
export const KeyChanges = Type.Partial(Type.Object({ name: Name, ...policyFields }), { additionalProperties: false, minProperties: 1 })

export const Key = Type.Object({
  id: Type.String(),
  organization_id: Type.String(),
  project_id: Type.String(),
  name: Type.String(),
  secrets: Type.Array(Type.Object({
    hint: Type.String({ description: 'last four characters' }),
    created_at: Type.String(),
    expires_at: Nullable(Type.String()),
    claimable: Type.Boolean({ description: 'made by an automatic rotation and not fetched yet' })
  })),
  scopes: Type.Array(Type.String()),
  models: Nullable(Type.Array(Type.String())),
  allowed_ips: Nullable(Type.Array(Type.String())),
  cache_ttl_seconds: Nullable(Type.Integer()),
  rotate_every_days: Nullable(Type.Integer()),
  overlap_seconds: Type.Integer(),
  rotate_at: Nullable(Time),
  created_at: Time,
  expires_at: Nullable(Time),
  revoked_at: Nullable(Time),
  last_used_at: Nullable(Time),
  managed_by: ManagedBy
})
export const KeyWithText = Type.Object({ ...Key.properties, key: Nullable(Type.String({ description: 'the text, shown now and never again; null in a replay' })) })
