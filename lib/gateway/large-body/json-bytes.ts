import { isUtf8 } from 'node:buffer'
import { SiraError } from '../../errors.ts'
import { checkValueCount } from './count-values.ts'

/** The JSON object in the bytes. Throws SiraError invalid_json. */
export function readObject (bytes: Uint8Array): { readonly text: string, readonly body: Record<string, unknown> } {
  if (!isUtf8(bytes)) throw new SiraError('invalid_json', { reason: 'it is not UTF-8.' })
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  checkValueCount(buffer)
  const text = buffer.toString('utf8')
  return { text, body: parseObject(text) }
}

export function parseObject (text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new SiraError('invalid_json', { reason: (error as Error).message.slice(0, 200) })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SiraError('invalid_json', { reason: 'an object is needed.' })
  return value as Record<string, unknown>
}

/** In memory of its own, which can be handed over; a Buffer may lie in one that others use too. */
export function toBytes (text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}
