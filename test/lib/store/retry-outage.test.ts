import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import test from 'ava'
import pg from 'pg'
import { isOutage } from '../../../lib/store/retry-outage.ts'

test('a database that takes a connection and says nothing is an outage, for a client as for a pool', async t => {
  const sockets: Socket[] = []
  const server = createServer(socket => { sockets.push(socket) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const options = { connectionString: `postgresql://nobody@127.0.0.1:${(server.address() as AddressInfo).port}/none`, connectionTimeoutMillis: 50 }
  const client = new pg.Client(options)
  client.on('error', () => {}) // what connect() rejects with comes here as well
  const pool = new pg.Pool(options)
  for (const error of [await t.throwsAsync(client.connect()), await t.throwsAsync(pool.connect())]) t.true(isOutage(error), error?.message)
})
