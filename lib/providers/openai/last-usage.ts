import { parseObject } from '../json-object.ts'

/** Characters from which an answer is not parsed as a whole: JSON.parse takes 1 ms for each hundred thousand, and nothing else goes on meanwhile. */
const large = 16_000
/** Characters at either end in which the fields are that have to be known: all but the one that makes it large. */
const looked = 4_000
const key = '"usage"'
/** After the key: the usage, what OpenAI lets follow it, and the end of the answer. */
const ending = /^\s*:\s*(\{.*\})((?:\s*,\s*"(?:service_tier|system_fingerprint)"\s*:\s*(?:null|"[^"\\]*"))*)\s*\}\s*$/s
const tierOf = /"service_tier"\s*:\s*"([^"]*)"/

/**
 * What a large answer says of its usage, without parsing the rest: embeddings of some hundred texts have 10 MB, and so has an answer in
 * sound. Only where it is certain, because the usage is at the end of the object and neither end speaks of an error, or of a tier
 * elsewhere; null = the answer has to be parsed. (A quote inside a JSON string is escaped, so no text of an answer looks like a key.)
 * Whether the rest is JSON is the client's to see, as it is with a chunk of a stream.
 */
export function lastUsage (text: string): { readonly usage: Record<string, unknown>, readonly tier: string | undefined } | null {
  if (text.length < large || !/^\s*\{/.test(text)) return null
  const end = text.slice(-looked)
  const at = end.lastIndexOf(key)
  if (at === -1 || /"(error|service_tier)"/.test(text.slice(0, looked) + end.slice(0, at))) return null
  const [, found, after] = ending.exec(end.slice(at + key.length)) ?? []
  const usage = found === undefined ? null : parseObject(found)
  return usage === null ? null : { usage, tier: tierOf.exec(after!)?.[1] }
}
