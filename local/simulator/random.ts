/**
 * A 53-bit hash of bytes (cyrb53 over octets): not cryptographic, cheap (about 1 ns a byte), the same on every machine.
 * It names a request body in the log and seeds everything drawn for it.
 */
export function digestBytes (bytes: Uint8Array): number {
  let first = 0xdeadbeef
  let second = 0x41c6ce57
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index]!
    first = Math.imul(first ^ byte, 2654435761)
    second = Math.imul(second ^ byte, 1597334677)
  }
  first = Math.imul(first ^ (first >>> 16), 2246822507) ^ Math.imul(second ^ (second >>> 13), 3266489909)
  second = Math.imul(second ^ (second >>> 16), 2246822507) ^ Math.imul(first ^ (first >>> 13), 3266489909)
  return 4294967296 * (2097151 & second) + (first >>> 0)
}

/** Fourteen hex digits, the form in which digests appear in the log and in texts. */
export function digestText (digest: number): string {
  return digest.toString(16).padStart(14, '0')
}

/** What a number is drawn for, so that for instance latency and answer length are independent of each other. */
export const purposes = { latency: 1, latencySecond: 2, fault: 3, textStart: 4, textLength: 5, reasoning: 6, embedding: 7, score: 8 } as const

/** A number in [0, 1) that depends on nothing but its arguments. */
export function draw (seed: number, digest: number, purpose: number, index = 0): number {
  let state = mix(seed ^ 0x9e3779b9)
  state = mix(state ^ (digest >>> 0))
  state = mix(state ^ Math.floor(digest / 4294967296))
  state = mix(state ^ Math.imul(purpose, 0x9e3779b1))
  state = mix(state ^ Math.imul(index, 0x85ebca77))
  return state / 4294967296
}

// The finaliser of MurmurHash3 with an offset, so that 0 does not stay 0.
function mix (value: number): number {
  let state = (value + 0x6d2b79f5) | 0
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return (state ^ (state >>> 16)) >>> 0
}
