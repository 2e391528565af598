import { Type, type Static, type TSchema } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Pool, PoolClient } from 'pg'
import type { Caller } from '../../../../lib/contracts/jobs.ts'
import { SiraError } from '../../../../lib/errors.ts'
import type { Page, PageQuery } from '../../../../lib/store/admin-rows.ts'
import { reachOf } from '../../../../lib/store/admin-rows.ts'
import { createOnce } from '../../../plugins/idempotency.ts'

export const tags = ['Administration']
/** Postgres text has no NUL, and an id has only printable characters. */
export const Id = Type.Object({ id: Type.String({ minLength: 1, maxLength: 256, pattern: '^[!-~]+$' }) })
export const Name = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000-\\u001f]+$' })
export const Time = Type.String({ format: 'date-time' })
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
export const Reference = Type.String({ minLength: 1, maxLength: 256, pattern: '^[!-~]+$' })
export const ManagedBy = Type.String({ description: '`api`, or `config`: it comes from the configuration file and can only be changed there' })

export const pageFields = {
  after: Type.Optional(Type.String({ maxLength: 256, pattern: '^[!-~]+$', description: '`next_after` of the page before' })),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 })
}
export const ListQuery = Type.Object(pageFields, { additionalProperties: false })

export function ListOf<T extends TSchema> (item: T) {
  return Type.Object({ data: Type.Array(item), has_more: Type.Boolean(), next_after: Nullable(Type.String()) })
}

/** A row as it goes out: the schema's fields, with times as text. */
export function show<T extends TSchema> (_schema: T, row: object): Static<T> {
  return JSON.parse(JSON.stringify(row)) as Static<T>
}

export function showPage<T extends TSchema, Row extends object> (schema: T, { data, hasMore }: Page<Row>, key: keyof Row & string = 'id' as keyof Row & string): { data: Array<Static<T>>, has_more: boolean, next_after: string | null } {
  return { data: data.map(row => show(schema, row)), has_more: hasMore, next_after: hasMore ? String(data.at(-1)![key]) : null }
}

/** A page of what is in memory, in the order of its names. */
export function pageOf<Row> (rows: readonly Row[], nameOf: (row: Row) => string, { after, limit }: PageQuery): { data: Row[], has_more: boolean, next_after: string | null } {
  const behind = rows.toSorted((a, b) => nameOf(a) < nameOf(b) ? -1 : 1).filter(row => after === undefined || nameOf(row) > after)
  const data = behind.slice(0, limit)
  const more = behind.length > limit
  return { data, has_more: more, next_after: more ? nameOf(data.at(-1)!) : null }
}

/**
 * Creates at most once per Idempotency-Key and answers 201. What `make` returns as `secret` goes into the first answer only and
 * is never stored: a replay has null in its place.
 */
export async function create<T extends TSchema> (
  pool: Pool, request: FastifyRequest, reply: FastifyReply, schema: T, make: (client: PoolClient) => Promise<{ row: object, secret?: Readonly<Record<string, string>> }>
): Promise<Static<T>> {
  let secret: Readonly<Record<string, string>> | undefined
  const answer = await createOnce(pool, request, reply, async client => {
    const made = await make(client)
    secret = made.secret
    const hidden = Object.fromEntries(Object.keys(secret ?? {}).map(name => [name, null]))
    return { status: 201, headers: {}, body: JSON.stringify({ ...made.row, ...hidden }) }
  })
  return { ...JSON.parse(answer.body) as Static<T> & object, ...secret }
}

/** The organization a request is about: the caller's own, or with the scope admin any that it names. */
export function organizationOf (caller: Caller, named: string | undefined): string {
  const { organizationId } = reachOf(caller)
  if (named === undefined || named === caller.organizationId) return caller.organizationId
  if (organizationId !== null) throw new SiraError('not_found', { resource: 'organization', id: named })
  return named
}

export function invalid (param: string, reason: string): SiraError {
  return new SiraError('invalid_parameter', { param, reason }, { param })
}
