import { Type } from '@fastify/type-provider-typebox'
import { batchEndpoints } from '../../../../../lib/contracts/batch-input.ts'
import { jobWebhookFields } from '../../../../core/job-webhook.ts'
import { ExpiresAfter, Metadata, OneOf } from '../../../../schemas.ts'

const MOST_INLINE_REQUESTS = 10_000

const InlineRequest = Type.Object({
  custom_id: Type.String({ minLength: 1, maxLength: 512 }),
  body: Type.Record(Type.String(), Type.Unknown())
}, { additionalProperties: false })

export const CreateNativeBatch = Type.Object({
  endpoint: OneOf(batchEndpoints),
  input_file_id: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
  requests: Type.Optional(Type.Array(InlineRequest, { minItems: 1, maxItems: MOST_INLINE_REQUESTS })),
  window: Type.String({ default: '24h', description: 'how long the batch may take: 90s, 30m, 24h, at most 14d' }),
  concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, description: 'most calls of this batch in flight at once, per worker' })),
  budget_usd: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Number({ minimum: 0 })], { description: 'no call is made that could pass this' })),
  metadata: Type.Optional(Metadata),
  output_expires_after: Type.Optional(ExpiresAfter),
  ...jobWebhookFields
}, { additionalProperties: false })
