/** Token of RFC 9110. */
const name = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
/** Visible ASCII, spaces and tabs within: what every server reads the same way. */
const value = /^[!-~]([\t -~]{0,1022}[!-~])?$/
/** What describes the request or the connection is ours to say. */
const reserved = new Set([
  'host', 'content-length', 'content-type', 'content-encoding', 'connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'trailer', 'upgrade', 'expect', 'user-agent'
])
export const mostCustomHeaders = 20

/** The first fault of custom headers, with the name it is about; null = they can be sent. */
export function findHeaderFault (headers: Readonly<Record<string, string>>): { readonly name: string, readonly reason: string } | null {
  const names = Object.keys(headers)
  if (names.length > mostCustomHeaders) return { name: '', reason: `there can be ${mostCustomHeaders} at most.` }
  const seen = new Set<string>()
  for (const given of names) {
    const lower = given.toLowerCase()
    if (!name.test(given)) return { name: given, reason: 'it is no name of a header (a token of at most 64 characters).' }
    if (reserved.has(lower) || lower.startsWith('webhook-')) return { name: given, reason: 'this header is set by Sira.' }
    if (seen.has(lower)) return { name: given, reason: 'it is there twice.' }
    if (!value.test(headers[given]!)) return { name: given, reason: 'a value of 1 to 1,024 visible ASCII characters, with spaces within, is needed.' }
    seen.add(lower)
  }
  return null
}
