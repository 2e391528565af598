import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import test from 'ava'
import { createAddressJudge, strictPolicy } from '../../../lib/outbound/outbound-policy.ts'

// the machine's interfaces are part of the outside world: public addresses cannot be given to it by a test
const real = os.networkInterfaces
const entry = (address: string, family: 'IPv4' | 'IPv6') => ({ address, family, netmask: '', mac: '', internal: false, cidr: null, scopeid: 0 })
os.networkInterfaces = () => ({ ...real(), public0: [entry('93.184.216.34', 'IPv4'), entry('2606:4700:0:0::1111', 'IPv6')] }) as ReturnType<typeof real>
syncBuiltinESMExports()

test('the public addresses of this machine are refused in any form, and its neighbours are not', t => {
  const judge = createAddressJudge(strictPolicy)
  for (const address of ['93.184.216.34', '::ffff:93.184.216.34', '::ffff:5db8:d822', '2606:4700::1111', '2606:4700:0::0:1111']) t.is(judge(address), 'own_address', address)
  for (const address of ['93.184.216.35', '2606:4700::1112']) t.is(judge(address), null, address)
})

test('an allowed network opens this machine\'s addresses within it, and a policy may open all of them', t => {
  t.is(createAddressJudge({ ...strictPolicy, allowedNetworks: ['93.184.216.0/24'] })('93.184.216.34'), null)
  t.is(createAddressJudge({ ...strictPolicy, allowedNetworks: ['93.184.217.0/24'] })('93.184.216.34'), 'own_address')
  t.is(createAddressJudge({ ...strictPolicy, denyOwnAddresses: false })('93.184.216.34'), null)
})

test('every address that this machine has now is refused by the strict policy', t => {
  const judge = createAddressJudge(strictPolicy)
  const addresses = Object.values(real()).flatMap(list => (list ?? []).map(({ address }) => address))
  t.true(addresses.includes('127.0.0.1'))
  for (const address of addresses) t.not(judge(address), null, address)
})
