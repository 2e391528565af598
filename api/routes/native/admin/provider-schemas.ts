import { Type } from '@fastify/type-provider-typebox'
import { vendorKinds } from '../../../../lib/providers/catalog-provider.ts'
import { OneOf } from '../../../schemas.ts'
import { ManagedBy, Nullable } from './common.ts'

export const ProviderName = Type.Object({ name: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }) })

const text = Type.String({ maxLength: 2_000 })
const rate = Type.Integer({ minimum: 1, maximum: 1_000_000_000_000 })
const settings = {
  credential_use: OneOf(['spread', 'first'] as const, 'spread: credentials in turn; first: the first that works'),
  api_version: text,
  max_concurrency: Type.Integer({ minimum: 1, maximum: 10_000 }),
  requests_per_minute: rate,
  tokens_per_minute: rate
}
/** Bounds and words are checked by the configuration file's own rules. */
export const NewProvider = Type.Object({
  ...ProviderName.properties,
  kind: OneOf(vendorKinds),
  base_url: Type.Optional(Type.String({ maxLength: 2_000, description: 'https: only; without it the usual one of its kind' })),
  ...Type.Partial(Type.Object(settings)).properties
}, { additionalProperties: false })
export const ProviderChanges = Type.Partial(Type.Object({
  base_url: text,
  ...Object.fromEntries(Object.entries(settings).map(([name, schema]) => [name, Nullable(schema)])) as { [Name in keyof typeof settings]: ReturnType<typeof Nullable<typeof settings[Name]>> }
}), { additionalProperties: false, minProperties: 1 })

export const Provider = Type.Object({
  name: Type.String(),
  kind: Type.String(),
  base_url: Type.String(),
  credential_use: Type.String(),
  api_version: Nullable(Type.String()),
  max_concurrency: Type.Integer(),
  requests_per_minute: Nullable(Type.Integer()),
  tokens_per_minute: Nullable(Type.Integer()),
  credentials: Type.Integer({ description: 'how many it has' }),
  managed_by: ManagedBy
})
