import { setImmediate as otherWork } from 'node:timers/promises'
import { toBase64Vector } from '../base64-vector.ts'
import type { ProviderRequest } from '../types.ts'

/** Characters at the head of an answer in which its first vector begins. */
const looked = 4_000
const listed = /"embedding"\s*:\s*\[/
const vectors = /("embedding"\s*:\s*)(\[[^[\]]*\])/g
const base64 = /"encoding_format"\s*:\s*"base64"/
/** Characters of vectors that are read at a stretch: 10 ms of JSON.parse. */
const stretch = 1_000_000

/**
 * The answer to a request for embeddings in base64 with its vectors in base64. Servers that do not know `encoding_format` (Ollama) send
 * lists all the same, and OpenAI's SDKs, which ask for base64 when their caller asks for nothing, read a list as another, shorter
 * vector without an error (litellm #42426). Any other answer is given back as it is. (A quote inside a JSON string is escaped, so no
 * text looks like one of these keys.)
 */
export async function encodeVectors ({ body, parsed }: Pick<ProviderRequest, 'body' | 'parsed'>, text: string): Promise<string> {
  if (!listed.test(text.slice(0, looked))) return text
  if (parsed?.['encoding_format'] !== 'base64' && !base64.test(String(body))) return text
  let encoded = ''
  let from = 0
  let read = 0
  for (const { 0: found, 1: key, 2: list, index } of text.matchAll(vectors)) {
    const vector = readVector(list!)
    if (vector !== null) {
      encoded += `${text.slice(from, index)}${key}"${toBase64Vector(vector)}"`
      from = index + found.length
    }
    read += found.length
    if (read < stretch) continue
    read = 0
    await otherWork()
  }
  return encoded + text.slice(from)
}

function readVector (list: string): number[] | null {
  try {
    const values = JSON.parse(list) as unknown[]
    return values.every(value => typeof value === 'number') ? values : null
  } catch {
    return null // no JSON: the client sees the answer as the provider wrote it
  }
}
