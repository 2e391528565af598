import test from 'ava'
import { createNameLookup } from '../../../lib/outbound/name-lookup.ts'
import { startNameServer } from './_name-server.ts'

const ipv4 = (text: string): Buffer => Buffer.from(text.split('.').map(Number))
const loopback6 = Buffer.from('00000000000000000000000000000001', 'hex')

test('a name has the addresses of both families, IPv4 first, and one family is enough', async t => {
  const server = await startNameServer(t, { 'A both.example.com': [ipv4('93.184.216.34'), ipv4('127.0.0.1')], 'AAAA both.example.com': [loopback6], 'A four.example.com': [ipv4('1.1.1.1')], 'AAAA six.example.com': [loopback6], 'A six.example.com': [] })
  const lookup = createNameLookup([server])
  const both = await lookup('both.example.com')
  t.deepEqual([...both.slice(0, 2)].sort(), ['127.0.0.1', '93.184.216.34'])
  t.is(both[2], '::1')
  t.deepEqual(await lookup('four.example.com'), ['1.1.1.1'])
  t.deepEqual(await lookup('six.example.com'), ['::1'])
  await t.throwsAsync(lookup('nobody.example.com'), { code: 'ENOTFOUND' })
})

test('names whose servers are silent do not hold up the others', async t => {
  const lookup = createNameLookup([await startNameServer(t, { 'A four.example.com': [ipv4('1.1.1.1')] })])
  let silentEnded = 0
  const silent = Array.from({ length: 20 }, async (_, index) => { await lookup(`silent.n${index}.example.com`).catch(() => { silentEnded += 1 }) })
  t.deepEqual(await lookup('four.example.com'), ['1.1.1.1'])
  t.is(silentEnded, 0)
  await Promise.all(silent)
  t.is(silentEnded, 20)
})
