/** A vector as OpenAI's base64: float32, little-endian whatever the machine's own order. */
export function toBase64Vector (vector: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(vector.length * 4)
  vector.forEach((component, index) => { bytes.writeFloatLE(component, index * 4) })
  return bytes.toString('base64')
}
