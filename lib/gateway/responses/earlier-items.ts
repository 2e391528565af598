import type { Tenant } from '../../contracts/jobs.ts'
import { referencedIds, type Item } from '../../dialects/responses/index.ts'
import { SiraError } from '../../errors.ts'
import type { Queryable } from '../../store/database.ts'
import { readChain, readMentioning } from '../../store/responses.ts'

/** Stored items that one request may name by id. */
const mostReferences = 100

/** What a request builds on. */
export interface Earlier {
  /** What was said in the responses that it continues, oldest first. */
  readonly items: readonly Item[]
  /** Items that its input names by id. */
  readonly referenced: ReadonlyMap<string, Item>
}

type Body = Readonly<Record<string, unknown>>

/**
 * Reads the responses that a request continues, and the items that it names, from those stored in its project. Without either
 * nothing is read. Throws SiraError when the response named is not there or has no end yet. null = it is more than `most` bytes of
 * text, too much to be read here.
 */
export async function readEarlierItems (database: Queryable, tenant: Tenant, body: Body, most: number): Promise<Earlier | null>
export async function readEarlierItems (database: Queryable, tenant: Tenant, body: Body): Promise<Earlier>
export async function readEarlierItems (database: Queryable, tenant: Tenant, body: Body, most = Infinity): Promise<Earlier | null> {
  const items = typeof body.previous_response_id === 'string' ? await readConversation(database, tenant, body.previous_response_id, most) : []
  if (items === null) return null
  const ids = [...new Set(referencedIds(body))]
  if (ids.length > mostReferences) throw new SiraError('invalid_parameter', { param: 'input', reason: `at most ${mostReferences} stored items can be named.` }, { param: 'input' })
  const referenced = new Map<string, Item>()
  for (const item of items) if (ids.includes(item.id)) referenced.set(item.id, item)
  const missing = ids.filter(id => !referenced.has(id))
  if (missing.length > 0) {
    const records = await readMentioning(database, tenant, missing, most)
    if (records === 'large') return null
    for (const record of records) {
      for (const item of itemsOf(record)) if (missing.includes(item.id)) referenced.set(item.id, item)
    }
  }
  return { items, referenced }
}

async function readConversation (database: Queryable, tenant: Tenant, id: string, most: number): Promise<Item[] | null> {
  const chain = await readChain(database, tenant, id, most)
  if (chain === 'large') return null
  if (chain === null) throw new SiraError('not_found', { resource: 'response', id: id.slice(0, 100) }, { param: 'previous_response_id' })
  const open = chain.find(({ body }) => body === null)
  if (open !== undefined) throw new SiraError('state_conflict', { action: 'continue', resource: 'response', state: open.status }, { param: 'previous_response_id' })
  return chain.flatMap(itemsOf)
}

function itemsOf ({ input, body }: { readonly input: string, readonly body: string | null }): Item[] {
  return [...JSON.parse(input) as Item[], ...(body === null ? [] : (JSON.parse(body) as { output: Item[] }).output)]
}
