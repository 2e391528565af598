import test from 'ava'
import ipaddr from 'ipaddr.js'
import { refusedRange } from '../../../lib/outbound/address-rules.ts'
import { createAddressJudge, strictPolicy } from '../../../lib/outbound/outbound-policy.ts'

test('every special range is refused by its name, first and last address alike', t => {
  const ranges: Record<string, string[]> = {
    unspecified: ['0.0.0.0', '::'],
    this_network: ['0.0.0.1', '0.255.255.255'],
    private: ['10.0.0.0', '10.255.255.255', '172.16.0.0', '172.31.255.255', '192.168.0.0', '192.168.255.255'],
    carrier_grade_nat: ['100.64.0.0', '100.127.255.255'],
    loopback: ['127.0.0.0', '127.255.255.255', '::1'],
    link_local: ['169.254.0.0', '169.254.255.255', 'fe80::', 'febf:ffff::1', 'fe80::1%eth0'],
    metadata: ['169.254.169.254', '168.63.129.16', 'fd00:ec2::254', '100.100.100.200', '192.0.0.192'],
    protocol_assignments: ['192.0.0.0', '192.0.0.255', '2001:1::1', '2001:1ff::1'],
    documentation: ['192.0.2.0', '198.51.100.255', '203.0.113.7', '2001:db8::1', '3fff:fff::1'],
    benchmarking: ['198.18.0.0', '198.19.255.255', '2001:2::1'],
    multicast: ['224.0.0.0', '239.255.255.255', 'ff02::1'],
    reserved: ['240.0.0.0', '255.255.255.254', '4000::1', 'fe00::1', '1::1'],
    broadcast: ['255.255.255.255'],
    unique_local: ['fc00::', 'fdff:ffff::1'],
    site_local: ['fec0::1'],
    discard: ['100::1'],
    transition: ['::2', '2002:808:808::1', '64:ff9b:1::808:808', '2001:0:808:808::'],
    malformed: ['', 'example.com', '127.1', '0x7f000001', '1.2.3.4.', '1.2.3.4/32', '::1::', '12345::']
  }
  for (const [name, addresses] of Object.entries(ranges)) {
    for (const address of addresses) {
      const range = refusedRange(address)
      // what lies behind these two counts before what they are
      if (address.startsWith('64:ff9b:1') || address.startsWith('2001:0:')) t.truthy(range, address)
      else t.is(range, name, address)
    }
  }
})

test('the neighbours of special ranges and other public addresses are not refused', t => {
  const open = ['1.1.1.1', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.0', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.0',
    '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255', '168.63.129.15', '168.63.129.17', '2606:4700:4700::1111', '2001:200::1', '2001:4860:4860::8888', '2a00::1', '3ffe::1',
    '2606:4700::5efe:101:101', '::ffff:8.8.8.8', '::ffff:808:808', '64:ff9b::808:808']
  for (const address of open) t.is(refusedRange(address), null, address)
})

test('an IPv4 address inside an IPv6 one is judged in every form, spelled with dots or without', t => {
  for (const [dotted, range] of [['127.0.0.1', 'loopback'], ['10.0.0.1', 'private'], ['169.254.169.254', 'metadata'], ['168.63.129.16', 'metadata'], ['192.168.9.9', 'private']] as const) {
    const bytes = dotted.split('.').map(Number)
    const hex = (...places: number[]): string => Buffer.from(places).toString('hex')
    const groups = `${hex(bytes[0]!, bytes[1]!)}:${hex(bytes[2]!, bytes[3]!)}`
    const turned = bytes.map(byte => byte ^ 255)
    const forms = [`::ffff:${dotted}`, `::ffff:${groups}`, `0:0:0:0:0:ffff:${groups}`, `::${groups}`, `64:ff9b::${dotted}`, `64:ff9b:1::${groups}`, `2002:${groups}::1`, `2001:0:${groups}::`,
      `2a00::5efe:${groups}`, `2a00::200:5efe:${groups}`]
    for (const form of forms) t.is(refusedRange(form), range, form)
    // beneath others: RFC 6052 behind 48 bits, and Teredo's client
    const behind48 = refusedRange(`64:ff9b:1:${hex(bytes[0]!, bytes[1]!)}:${hex(0, bytes[2]!)}:${hex(bytes[3]!, 0)}::`)
    t.truthy(behind48)
    if (range === 'metadata') t.is(behind48, 'metadata')
    const client = refusedRange(`2001:0:808:808::${hex(turned[0]!, turned[1]!)}:${hex(turned[2]!, turned[3]!)}`)
    t.is(client, range === 'metadata' ? 'metadata' : 'transition')
  }
})

/** Numbers from 0 to 1 that are the same in each run. */
function seeded (seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}

test('what ipaddr.js does not call public is refused too, over 40,000 addresses', t => {
  const random = seeded(5)
  const heads = ['', '0', '10', '100.64', '127', '169.254', '172.16', '192.0.0', '192.0.2', '192.88.99', '192.168', '198.18', '198.51.100', '203.0.113', '224', '240', '192.31.196', '192.52.193', '192.175.48']
  const prefixes = ['::', '::ffff:', '64:ff9b::', '64:ff9b:1:', '100::', '2001::', '2001:2::', '2001:3::', '2001:20:', '2001:db8:', '2002:', '2620:4f:8000:', '3fff:', '5f00:', 'fc00:', 'fd12:', 'fe80:', 'fec0:', 'ff02:', '2606:', '2a00:']
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const seen = new Set<string>()
  for (let round = 0; round < 20_000; round++) {
    const head = pick(heads).split('.').filter(part => part !== '')
    const v4 = [...head, ...Array.from({ length: 4 - head.length }, () => Math.floor(random() * 256))].join('.')
    const prefix = pick(prefixes)
    const group = (): string => Math.floor(random() * 65_536).toString(16)
    const v6 = prefix.endsWith('::') || prefix.endsWith('ffff:') ? `${prefix}${group()}:${group()}` : `${prefix}${prefix.split(':').length > 3 ? '' : `${group()}:`}:${group()}:${group()}`
    for (const address of [v4, v6]) {
      const range = ipaddr.process(address).range()
      seen.add(range)
      // this one prefix leads to the public internet, if the address in it is public
      const inner = range === 'rfc6052' ? ipaddr.fromByteArray(ipaddr.parse(address).toByteArray().slice(12)).range() : range
      if (inner !== 'unicast') t.truthy(refusedRange(address), `${address} is ${range}`)
    }
  }
  for (const range of ['private', 'loopback', 'linkLocal', 'carrierGradeNat', 'uniqueLocal', 'multicast', 'reserved', 'rfc6052', '6to4', 'teredo', 'benchmarking']) t.true(seen.has(range), range)
})

test('an allowed network opens its addresses, but never a metadata address in any form', t => {
  const judge = createAddressJudge({ ...strictPolicy, allowedNetworks: ['127.0.0.0/8', '169.254.0.0/16', '168.63.0.0/16', 'fd00::/8', '64:ff9b:1::/48', '100.64.0.0/10', '192.0.0.0/8', '::/0'] })
  for (const address of ['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', '::ffff:7f00:1', '169.254.1.1', 'fd00::1']) t.is(judge(address), null, address)
  for (const address of ['169.254.169.254', '168.63.129.16', 'fd00:ec2::254', '100.100.100.200', '192.0.0.192', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', '64:ff9b:1::a9fe:a9fe', '2002:a9fe:a9fe::1']) {
    t.is(judge(address), 'metadata', address)
  }
  t.is(createAddressJudge({ ...strictPolicy, allowedNetworks: ['127.0.0.0/8'] })('10.0.0.1'), 'private')
  t.is(createAddressJudge({ ...strictPolicy, allowedNetworks: ['10.0.0.0/8'] })('64:ff9b::a00:1'), 'private', 'a range of IPv4 does not open the roads to it')
})
