import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ExecutionContext } from 'ava'
import { findEventType } from '../../lib/domain/event-types.ts'
import type { Queryable } from '../../lib/store/database.ts'

export interface WrittenEvent { readonly id: string, readonly resource_id: string, readonly seq: number, readonly type: string, readonly data: Readonly<Record<string, unknown>> }

const ajv = new Ajv2020({ formats: { 'date-time': value => !Number.isNaN(Date.parse(value)) } })

/** The events written about some resources (all without ids), in order, each checked against the registry: its type and the schema of its data. */
export async function checkedEvents (t: ExecutionContext, database: Queryable, resourceIds?: readonly string[]): Promise<WrittenEvent[]> {
  const { rows } = await database.query<WrittenEvent>(
    'SELECT id, resource_id, seq, type, data FROM event WHERE $1::text[] IS NULL OR resource_id = ANY($1) ORDER BY resource_id, seq', [resourceIds ?? null])
  for (const { resource_id: resourceId, type, data } of rows) {
    const entry = findEventType(type)
    t.true(entry?.available, type)
    const validate = ajv.compile(entry!.schema)
    t.true(validate({ ...data, id: resourceId }), `${type}: ${ajv.errorsText(validate.errors)}`)
    // schemas are open for what may come; what is written today stands in them
    for (const name of Object.keys(data)) t.true(name in (entry!.schema.properties as object), `${type} has ${name}`)
  }
  return rows
}
