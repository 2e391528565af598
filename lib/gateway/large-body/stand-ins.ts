import { SiraError } from '../../errors.ts'

type Body = Readonly<Record<string, unknown>>

/** Characters of JSON that the event loop is given of a large body. What it needs to know of a request is far smaller. */
const smallSize = 256 * 1024
/** No API has so many; without a limit the names alone would be too many to look at. */
const mostFields = 1_000

/** What a schema requires, where it is taken out. */
const standIns: Readonly<Record<string, (value: unknown) => unknown>> = {
  messages: () => [{ role: 'user', content: '.' }],
  // each prompt has answers that cost
  prompt: value => Array.isArray(value) && typeof value[0] !== 'number' ? value.slice(0, mostInputs).map(() => '.') : '.',
  // texts or tokens to be embedded are as many, since as many vectors have to come back; items of responses are objects
  input: value => Array.isArray(value) && typeof value[0] !== 'object' && value.length <= mostInputs ? value.map(() => '.') : '.'
}
/** OpenAI's most inputs of one embeddings request. */
const mostInputs = 2_048

export interface Split {
  /** The body without its bulk: what schemas require of it is stood in for. */
  readonly small: Body
  /** The names of the fields that make the body large. */
  readonly bulk: readonly string[]
}

/** The smallest fields of a body, and the names of the others. */
export function split (body: Body): Split {
  const fields = Object.keys(body)
  if (fields.length > mostFields) throw new SiraError('invalid_json', { reason: `it has more than ${mostFields} fields.` })
  const sizes = fields.map(field => ({ field, size: field.length + sizeOf(body[field]) })).sort((one, other) => one.size - other.size)
  let left = smallSize
  const kept = new Set<string>()
  for (const { field, size } of sizes) {
    left -= size
    if (left < 0) break
    kept.add(field)
  }
  const small: Record<string, unknown> = {}
  const bulk: string[] = []
  for (const field of fields) {
    if (kept.has(field)) {
      small[field] = body[field]
    } else {
      bulk.push(field)
      if (Object.hasOwn(standIns, field)) small[field] = standIns[field]!(body[field])
    }
  }
  return { small, bulk }
}

function sizeOf (value: unknown): number {
  if (typeof value === 'string') return value.length
  return typeof value === 'object' && value !== null ? JSON.stringify(value).length : 8
}

/** The whole again: the small fields as they are by now, the bulk as it came. */
export function unite (small: Body, whole: Body, bulk: readonly string[]): Record<string, unknown> {
  const body: Record<string, unknown> = { ...small }
  for (const field of bulk) body[field] = whole[field]
  return body
}
