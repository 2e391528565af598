/**
 * The client's JSON text with the model's name changed and, if wanted, usage asked for in the stream. `parsed` is the text parsed.
 * Spliced where that is safe, so that a large body is not written anew and no number loses digits; else the changed object is written.
 */
export function forwardBody (text: string, parsed: Readonly<Record<string, unknown>>, changes: { readonly model: string, readonly streamUsage?: boolean }): string {
  const { model, streamUsage = false } = changes
  const changed = parsed.model === model ? parsed : { ...parsed, model }
  const named = changed === parsed ? text : renamed(text, parsed, model) ?? JSON.stringify(changed)
  return streamUsage ? withStreamUsage(named, changed) : named
}

/** The text with `stream_options.include_usage: true` in it. */
export function withStreamUsage (text: string, parsed: Readonly<Record<string, unknown>>): string {
  if (asksUsage(parsed)) return text
  const options = parsed.stream_options
  const end = text.lastIndexOf('}')
  // a second key of the same name is read differently by different servers; an empty object would need no comma
  if (options !== undefined || text.lastIndexOf('"', end) === -1) {
    const merged = typeof options === 'object' && !Array.isArray(options) ? options : null
    return JSON.stringify({ ...parsed, stream_options: { ...merged, include_usage: true } })
  }
  return `${text.slice(0, end)},"stream_options":{"include_usage":true}${text.slice(end)}`
}

/** Whether the client wants to see the usage of a stream. */
export function asksUsage (parsed: Readonly<Record<string, unknown>>): boolean {
  const options = parsed.stream_options
  return typeof options === 'object' && options !== null && (options as Record<string, unknown>).include_usage === true
}

const key = '"model"'
/** An escape that could spell a letter of the key. */
const escapedLetter = /\\u00[67]/i

/**
 * null where splicing is not safe. Every top-level `model` is spelled `"model"` in the text, unless with escapes, so when there is one
 * such token and the object has the key, that is it: neither a nested key, nor a value, nor the end of a string (`"a \"model"`).
 */
function renamed (text: string, parsed: Readonly<Record<string, unknown>>, model: string): string | null {
  const at = text.indexOf(key)
  if (at === -1 || typeof parsed.model !== 'string' || text.indexOf(key, at + 1) !== -1) return null
  if (text.includes('\\u00') && escapedLetter.test(text)) return null
  const open = afterColon(text, at + key.length)
  const close = open === -1 ? -1 : endOfString(text, open)
  return close === -1 ? null : `${text.slice(0, open)}${JSON.stringify(model)}${text.slice(close)}`
}

/** Where the string after the colon opens; -1 when there is none. */
function afterColon (text: string, from: number): number {
  let at = skipSpace(text, from)
  if (text[at] !== ':') return -1
  at = skipSpace(text, at + 1)
  return text[at] === '"' ? at : -1
}

function skipSpace (text: string, from: number): number {
  let at = from
  while (text[at] === ' ' || text[at] === '\n' || text[at] === '\t' || text[at] === '\r') at += 1
  return at
}

/** Behind the closing quote of the string that opens at `open`. */
function endOfString (text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    if (text[at] === '\\') at += 1
    else if (text[at] === '"') return at + 1
  }
  return -1
}
