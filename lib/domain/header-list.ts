/** Headers, names (lower case) and values in turn, each name once. */
export type HeaderList = readonly string[]

/** The same as an object, for what is not on the way of every request. */
export function headerObject (list: HeaderList): Record<string, string> {
  const headers: Record<string, string> = {}
  for (let at = 0; at < list.length; at += 2) headers[list[at]!] = list[at + 1]!
  return headers
}
