import { parseObject } from '../json-object.ts'

/** Characters from which an answer is not parsed as a whole: JSON.parse takes some 10 ms for each million, and nothing else goes on meanwhile. */
const large = 1_000_000
/** Characters at either end in which the fields are that have to be known: all but the one that makes it large. */
const looked = 4_000
const key = '"usage"'

/**
 * What a large answer says of its usage, without parsing the rest: embeddings of some hundred texts have 10 MB. Only where it is certain,
 * because it is the last field of the object and neither end speaks of an error or a service tier; null = the answer has to be parsed. (A
 * quote inside a JSON string is escaped, so no text of an answer looks like the key.) Whether the rest is JSON is the client's to see, as
 * it is with a chunk of a stream.
 */
export function lastUsage (text: string): Record<string, unknown> | null {
  if (text.length < large || !/^\s*\{/.test(text)) return null
  const end = text.slice(-looked)
  const at = end.lastIndexOf(key)
  if (at === -1 || /"(error|service_tier)"/.test(text.slice(0, looked) + end)) return null
  const usage = /^\s*:\s*(\{.*\})\s*\}\s*$/s.exec(end.slice(at + key.length))?.[1]
  return usage === undefined ? null : parseObject(usage)
}
