import { Type } from '@fastify/type-provider-typebox'

/** OpenAI's metadata: at most 16 pairs, keys of 64, values of 512 characters. */
export const Metadata = Type.Union([
  Type.Record(Type.String({ pattern: '^[^\\u0000]{1,64}$' }), Type.String({ maxLength: 512, pattern: '^[^\\u0000]*$' }), { maxProperties: 16, additionalProperties: false }),
  Type.Null()
])

/** When a file made now is removed: 1 hour to 30 days. */
export const ExpiresAfter = Type.Object({
  anchor: Type.Literal('created_at'),
  seconds: Type.Integer({ minimum: 3600, maximum: 30 * 24 * 3600 })
})

/** One of some words; typed as their union. */
export function OneOf<Word extends string> (words: readonly Word[], description?: string) {
  return Type.Unsafe<Word>({ type: 'string', enum: words, ...(description === undefined ? {} : { description }) })
}
