import type { IncomingHttpHeaders } from 'node:http'

const mostHeaders = 32
const longestName = 64
const longestValue = 256
/** What a receiver sets for its own clients is none of the log's business. */
const hidden = new Set(['set-cookie', 'set-cookie2', 'authorization', 'proxy-authenticate', 'www-authenticate'])

/**
 * The beginning of an answer's body as text that Postgres (text, jsonb), terminals and browsers can show: bytes that are no UTF-8 and
 * characters that control something become U+FFFD. `cut` says that more was to come, so that a character cut in two is left out.
 */
export function toSafeText (bytes: Uint8Array, cut: boolean): string {
  return replaceUnsafe(new TextDecoder('utf-8').decode(bytes, { stream: cut }))
}

/** Postgres takes no NUL; the others move a cursor or turn the direction of writing. Tab and line breaks stay. */
const unsafe = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

function replaceUnsafe (text: string): string {
  return text.replace(unsafe, character => character === '\n' || character === '\t' || character === '\r' ? character : '\ufffd')
}

/** Headers of an answer, bounded in number and size; several of one name are joined by commas. */
export function toSafeHeaders (headers: IncomingHttpHeaders): Record<string, string> {
  const kept: Array<[string, string]> = []
  for (const name in headers) {
    if (kept.length === mostHeaders) break
    if (hidden.has(name) || name.length > longestName) continue
    const value = headers[name]
    kept.push([name, replaceUnsafe((Array.isArray(value) ? value.join(', ') : value ?? '').slice(0, longestValue))])
  }
  return Object.fromEntries(kept)
}
