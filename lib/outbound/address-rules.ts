import { embeddedAddresses, readAddress } from './ip-address.ts'

/**
 * Ranges that no URL of a caller may reach, the first match counting: IANA's registries of special-purpose addresses, and the addresses
 * at which clouds tell machines their credentials. Of IPv6 only 2000::/3 is given out at all, so the rest is refused whole.
 */
const ranges: ReadonlyArray<readonly [name: string, ...prefixes: string[]]> = [
  // AWS, GCP and Azure; ECS and EKS; Scaleway; Tencent; Azure's host; Alibaba; Oracle; then IPv6 of EC2, EKS, GCP and Scaleway
  ['metadata', '169.254.169.254/32', '169.254.170.2/32', '169.254.170.23/32', '169.254.42.42/32', '169.254.0.23/32', '168.63.129.16/32', '100.100.100.200/32', '192.0.0.192/32',
    'fd00:ec2::254/128', 'fd00:ec2::23/128', 'fd20:ce::254/128', 'fd00:42::42/128'],
  ['unspecified', '0.0.0.0/32', '::/128'],
  ['this_network', '0.0.0.0/8'],
  ['private', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  ['carrier_grade_nat', '100.64.0.0/10'],
  ['loopback', '127.0.0.0/8', '::1/128'],
  ['link_local', '169.254.0.0/16', 'fe80::/10'],
  ['protocol_assignments', '192.0.0.0/24'],
  ['documentation', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8::/32', '3fff::/20'],
  ['as112', '192.31.196.0/24', '192.175.48.0/24', '2620:4f:8000::/48', '2001:4:112::/48'],
  ['amt', '192.52.193.0/24', '2001:3::/32'],
  ['6to4_relay', '192.88.99.0/24'],
  ['benchmarking', '198.18.0.0/15', '2001:2::/48'],
  ['broadcast', '255.255.255.255/32'],
  ['multicast', '224.0.0.0/4', 'ff00::/8'],
  ['reserved', '240.0.0.0/4'],
  ['unique_local', 'fc00::/7'],
  ['site_local', 'fec0::/10'],
  ['discard', '100::/64'],
  ['segment_routing', '5f00::/16'],
  // roads from IPv6 to IPv4: the well-known NAT64 prefix is in use and judged by the address in it; these are private or given up
  ['transition', '::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16'],
  ['protocol_assignments', '2001::/23']
]

const table = ranges.flatMap(([name, ...prefixes]) => prefixes.map(prefix => readPrefix(name, prefix)))

interface Range { readonly name: string, readonly bytes: Uint8Array, readonly bits: number }

function readPrefix (name: string, prefix: string): Range {
  const [address = '', bits] = prefix.split('/')
  return { name, bytes: readAddress(address)!, bits: Number(bits) }
}

/**
 * The range because of which an address (IPv4 or IPv6 text) is refused, such as `private`; null = it is a public one. An IPv6 address that
 * leads to an IPv4 one is judged by that one too, and is `metadata` when any of those it may lead to is. What is no address is `malformed`.
 */
export function refusedRange (address: string): string | null {
  const bytes = readAddress(address)
  if (bytes === null) return 'malformed'
  const embedded = embeddedAddresses(bytes)
  const inner = embedded.map(({ address }) => rangeOf(readAddress(address)!))
  if (inner.includes('metadata')) return 'metadata'
  if (embedded[0]?.form === 'mapped') return inner[0] ?? null
  return inner[0] ?? rangeOf(bytes)
}

/** The range of these very bytes, whatever they lead to. */
function rangeOf (bytes: Uint8Array): string | null {
  const found = table.find(range => range.bytes.length === bytes.length && isWithin(bytes, range))
  if (found !== undefined) return found.name
  return bytes.length === 16 && !isWithin(bytes, globalUnicast) && !isWithin(bytes, nat64) ? 'reserved' : null
}

const globalUnicast = readPrefix('', '2000::/3')
const nat64 = readPrefix('', '64:ff9b::/96')

function isWithin (bytes: Uint8Array, range: Range): boolean {
  const whole = range.bits >> 3
  for (let place = 0; place < whole; place++) {
    if (bytes[place] !== range.bytes[place]) return false
  }
  const rest = range.bits & 7
  return rest === 0 || (bytes[whole]! ^ range.bytes[whole]!) >> (8 - rest) === 0
}
