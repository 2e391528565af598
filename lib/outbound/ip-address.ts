import { isIP } from 'node:net'

/** The 4 or 16 bytes of an address; null for what is none. A zone id (`fe80::1%eth0`) is left out. */
export function readAddress (text: string): Uint8Array | null {
  const family = isIP(text)
  if (family === 4) return Uint8Array.from(text.split('.'), Number)
  return family === 6 ? readIPv6(text.split('%')[0]!) : null
}

function readIPv6 (text: string): Uint8Array {
  const [head = '', tail] = text.split('::')
  const before = readGroups(head)
  const after = tail === undefined ? [] : readGroups(tail)
  const bytes = new Uint8Array(16)
  bytes.set(before)
  bytes.set(after, 16 - after.length)
  return bytes
}

function readGroups (text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(group => {
    if (group.includes('.')) return group.split('.').map(Number)
    const value = parseInt(group, 16)
    return [value >> 8, value & 255]
  })
}

/** An IPv4 address inside an IPv6 one, and how it came there. */
export interface Embedded { readonly form: 'mapped' | 'nat64' | '6to4' | 'teredo' | 'isatap' | 'compatible', readonly address: string }

/** The IPv4 addresses that a packet to this IPv6 address may end at (or, of Teredo, go by). */
export function embeddedAddresses (bytes: Uint8Array): readonly Embedded[] {
  if (bytes.length !== 16) return []
  const found: Embedded[] = []
  const add = (form: Embedded['form'], ...places: number[]): void => { found.push({ form, address: places.map(place => bytes[place]!).join('.') }) }
  if (startsWith(bytes, '00000000000000000000ffff')) add('mapped', 12, 13, 14, 15)
  if (startsWith(bytes, '000000000000000000000000') && (bytes[12]! > 0 || bytes[13]! > 0)) add('compatible', 12, 13, 14, 15)
  // RFC 6052, the well-known prefix
  if (startsWith(bytes, '0064ff9b0000000000000000')) add('nat64', 12, 13, 14, 15)
  // RFC 8215: an operator cuts prefixes of its own from this one, so the address may stand wherever RFC 6052 puts it behind 96, 64, 56 or 48 bits
  if (startsWith(bytes, '0064ff9b0001')) {
    add('nat64', 12, 13, 14, 15)
    add('nat64', 9, 10, 11, 12)
    add('nat64', 7, 9, 10, 11)
    add('nat64', 6, 7, 9, 10)
  }
  if (startsWith(bytes, '2002')) add('6to4', 2, 3, 4, 5)
  if (startsWith(bytes, '20010000')) {
    add('teredo', 4, 5, 6, 7)
    // the client's, with all bits turned
    found.push({ form: 'teredo', address: [12, 13, 14, 15].map(place => bytes[place]! ^ 255).join('.') })
  }
  // RFC 5214: an interface identifier of 0:5efe, with the universal bit or without
  if ((bytes[8]! & 0xfd) === 0 && bytes[9] === 0 && bytes[10] === 0x5e && bytes[11] === 0xfe) add('isatap', 12, 13, 14, 15)
  return found
}

function startsWith (bytes: Uint8Array, hex: string): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, hex.length / 2).toString('hex') === hex
}

/** A spelling that two texts of one address share; an IPv4 address mapped into IPv6 counts as IPv4. null for what is no address. */
export function plainAddress (text: string): string | null {
  const bytes = readAddress(text)
  if (bytes === null) return null
  const mapped = embeddedAddresses(bytes).find(({ form }) => form === 'mapped')
  if (mapped !== undefined) return mapped.address
  if (bytes.length === 4) return bytes.join('.')
  return Array.from({ length: 8 }, (_, group) => (bytes[group * 2]! << 8 | bytes[group * 2 + 1]!).toString(16)).join(':')
}
