import { Type } from '@fastify/type-provider-typebox'

// Pieces of body schemas. They run for every request, so each is one flat check: a list of types instead of a union of schemas,
// and nothing below what a route itself reads. null is taken wherever a field may be absent, as OpenAI's own clients send it.

type Schema = Readonly<Record<string, unknown>>

const nullable = <Value>(type: string | readonly string[], schema: Schema = {}) =>
  Type.Optional(Type.Unsafe<Value | null>({ ...schema, type: [...(typeof type === 'string' ? [type] : type), 'null'] }))

export const bool = () => nullable<boolean>('boolean')
export const text = (schema: Schema = {}) => nullable<string>('string', schema)
export const integer = (minimum: number, maximum?: number) => nullable<number>('integer', { minimum, ...(maximum === undefined ? {} : { maximum }) })
export const number = (minimum: number, maximum: number) => nullable<number>('number', { minimum, maximum })
export const object = (schema: Schema = {}) => nullable<Record<string, unknown>>('object', schema)
export const list = (items: Schema, schema: Schema = {}) => nullable<unknown[]>('array', { ...schema, items })
/** A field that takes a word or an object, as tool_choice. */
export const textOrObject = () => nullable<string | Record<string, unknown>>(['string', 'object'])
export const textOrList = (items: Schema, schema: Schema = {}) => nullable<string | unknown[]>(['string', 'array'], { ...schema, items })

export const model = () => Type.String({ minLength: 1, maxLength: 512 })

/** OpenAI's metadata: at most 16 pairs, keys of 64, values of 512 characters. */
export const metadata = () => object({ maxProperties: 16, propertyNames: { maxLength: 64 }, additionalProperties: { type: 'string', maxLength: 512 } })

/** OpenAI's own limit. */
export const MOST_TOOLS = 128

/** A conversation: known roles, content of a known type. What is wrong deeper is found by whoever reads it, who can name the path. */
export const conversation = (roles: readonly string[]) => Type.Unsafe<Array<Record<string, unknown>>>({
  type: 'array',
  minItems: 1,
  maxItems: 100_000,
  items: { type: 'object', required: ['role'], properties: { role: { enum: [...roles] }, content: { type: ['string', 'array', 'null'] } } }
})
