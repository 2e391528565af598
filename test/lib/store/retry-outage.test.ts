import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import test from 'ava'
import pg from 'pg'
import { isOutage, throughOutage } from '../../../lib/store/retry-outage.ts'

test('a Postgres that accepts connections and says nothing is an outage, to a client and to a pool', async t => {
  const server = createServer(socket => { t.teardown(() => { socket.destroy() }) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => { server.close() })
  const connectionString = `postgresql://sira@127.0.0.1:${(server.address() as AddressInfo).port}/sira`
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 50 })
  client.on('error', () => {})
  const pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 50 })
  for (const connect of [async () => { await client.connect() }, async () => { await pool.connect() }]) {
    const error = await t.throwsAsync(connect)
    t.true(isOutage(error), error?.message)
  }
})

test('a refused connection is waited out, an error of the statement is not', async t => {
  let attempts = 0
  const answer = await throughOutage(async () => {
    attempts += 1
    if (attempts < 3) throw Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    return 'there again'
  })
  t.is(answer, 'there again')
  t.is(attempts, 3)
  const broken = Object.assign(new Error('syntax error'), { code: '42601' })
  await t.throwsAsync(throughOutage(async () => { throw broken }), { is: broken })
})
