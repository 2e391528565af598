import { SiraError } from '../../errors.ts'

/**
 * Values that a body may have. A value of three bytes (`{},`) takes 60 and more in memory: 32 MB of them would be too much for
 * many a container. The most that makes sense are the tokens of embeddings: OpenAI takes 300,000 a request.
 */
const mostValues = 2_000_000

const quote = 0x22
const backslash = 0x5c
/** `,` `[` `{`: what a further value comes after. */
const separators: ReadonlySet<number> = new Set([0x2c, 0x5b, 0x7b])

/** Throws SiraError invalid_json when the JSON text has too many values to be parsed. */
export function checkValueCount (json: Buffer): void {
  let count = 0
  for (let at = 0; at < json.length; at++) {
    const byte = json[at]!
    if (byte === quote) at = endOfString(json, at)
    else if (separators.has(byte) && ++count > mostValues) throw new SiraError('invalid_json', { reason: `it has more than ${mostValues} values.` })
  }
}

/** The place of the closing quote; the last byte when there is none. */
function endOfString (json: Buffer, open: number): number {
  for (let at = json.indexOf(quote, open + 1); at !== -1; at = json.indexOf(quote, at + 1)) {
    let escapes = 0
    while (json[at - 1 - escapes] === backslash) escapes += 1
    if (escapes % 2 === 0) return at
  }
  return json.length - 1
}
