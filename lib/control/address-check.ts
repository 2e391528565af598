import { BlockList, isIP } from 'node:net'

/** Whether the text is an address or a CIDR range, of IPv4 or IPv6. */
export function isAddressRange (text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0 || address.includes('%')) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

/** Tells whether an address lies in one of the ranges. IPv4 addresses mapped into IPv6 (::ffff:192.0.2.1) count as IPv4. Throws on a range that is none. */
export function createAddressCheck (ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList()
  for (const range of ranges) {
    if (!isAddressRange(range)) throw new Error(`${range} is no address and no CIDR range`)
    const [given = '', bits] = range.split('/')
    const mapped = unmap(given)
    const family = isIP(mapped) === 4 ? 'ipv4' : 'ipv6'
    const prefix = bits === undefined ? null : Number(bits) - (mapped === given ? 0 : 96)
    if (prefix !== null && prefix < 0) throw new Error(`${range} is wider than the addresses of IPv4`)
    if (prefix === null) list.addAddress(mapped, family)
    else list.addSubnet(mapped, prefix, family)
  }
  return address => {
    const plain = unmap(address)
    const family = isIP(plain)
    return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }
}

function unmap (address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  return mapped ?? address
}

/** The address of the client: of the peer, or, while the peer is a trusted proxy, what it says in X-Forwarded-For, from the right. */
export function clientAddress (peer: string, forwardedFor: string | undefined, isTrusted: (address: string) => boolean): string {
  const hops = [...(forwardedFor ?? '').split(',').map(hop => hop.trim()).filter(hop => hop !== ''), peer]
  for (let place = hops.length - 1; place > 0; place--) {
    if (!isTrusted(hops[place]!)) return hops[place]!
  }
  return hops[0]!
}
