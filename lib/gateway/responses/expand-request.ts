import { inputItems, referencedIds, type Item } from '../../dialects/responses/index.ts'
import type { Earlier } from './earlier-items.ts'
import { itemId } from './item-id.ts'

type Body = Readonly<Record<string, unknown>>

/** The items that a request adds, with ids. Throws SiraError for one that it names and that is not stored. */
export function ownItems (body: Body, { referenced }: Earlier): Item[] {
  return inputItems(body, itemId, referenced)
}

/**
 * The request as a provider gets it: what went before stands in its input, and the provider stores nothing, because stored
 * responses are ours, whoever served them.
 */
export function expandRequest (body: Body, earlier: Earlier): Body {
  const { previous_response_id: _previous, background: _background, store: _store, ...rest } = body
  // what has nothing before it and names nothing goes on as it came
  if (earlier.items.length === 0 && referencedIds(body).length === 0) return { ...rest, store: false }
  return { ...rest, input: [...earlier.items.filter(isRepeatable), ...ownItems(body, earlier).filter(item => !earlier.referenced.has(item.id) || isRepeatable(item))], store: false }
}

/** A provider that stored nothing knows reasoning only by its encrypted form. */
function isRepeatable (item: Item): boolean {
  return item.type !== 'reasoning' || typeof item.encrypted_content === 'string'
}
