import test from 'ava'
import { createKeyring } from '../../lib/crypto/seal.ts'
import { startProduct, type Product } from '../support/product.ts'
import { startReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts'
import { addEndpoint, addEvents, testEncryptionKeys } from '../support/webhooks.ts'
import { administer } from './support/gateway.ts'
import { kill } from './support/kills.ts'

let product: Product
let receiver: WebhookReceiver
test.before(async () => {
  [product, receiver] = await Promise.all([
    startProduct({ engines: 'own', latency: 10, env: { SIRA_ENCRYPTION_KEYS: testEncryptionKeys, SIRA_WEBHOOK_SCHEDULE: '0s,100ms,200ms,400ms,1s,2s,4s' } }),
    startReceiver()
  ])
})
test.after.always(async () => {
  await receiver?.close()
  await product?.stop()
})

test.serial('every event is delivered under its one id though the only worker is killed with -9 again and again, and only attempts under way are repeated', async t => {
  const { pool } = product
  const tenant = { organizationId: 'org_default', projectId: 'proj_default' }
  const keyring = createKeyring(testEncryptionKeys)
  // every tenth request fails once, so that retries are under way as well
  receiver.behave((_, count) => count % 10 === 0 ? { status: 503, delay: 20 } : { status: 200, delay: 20 })
  const endpoints = []
  for (let number = 0; number < 3; number++) endpoints.push(await addEndpoint(pool, tenant, { url: `${receiver.url}/${number}`, concurrency: 5 }, keyring))
  const events: string[] = []
  for (const after of [200, 900, 1_600]) {
    for (let batch = 0; batch < 4; batch++) events.push(...await addEvents(pool, tenant, 50))
    await receiver.arrived(after)
    await kill(product, 'worker').replaced
  }
  const end = performance.now() + 60_000
  for (;;) {
    const { rows } = await pool.query<{ state: string, count: number }>(
      'SELECT state, count(*)::int AS count FROM webhook_delivery WHERE endpoint_id = ANY($1) AND event_id = ANY($2) GROUP BY state', [endpoints.map(endpoint => endpoint.id), events])
    if (rows.length === 1 && rows[0]!.state === 'delivered' && rows[0]!.count === 3 * events.length) break
    if (performance.now() > end) throw new Error(`not all delivered: ${JSON.stringify(rows)}`)
    await new Promise(resolve => { setTimeout(resolve, 100) })
  }
  const wanted = new Set(events)
  for (let number = 0; number < 3; number++) {
    const ids = receiver.received.filter(request => request.path === `/${number}`).map(request => request.id).filter(id => wanted.has(id))
    t.is(new Set(ids).size, events.length, 'each event came')
  }
  // requests that no recorded attempt explains were under way, or not yet saved, when a worker died: 5 under way and 20 ms of others per endpoint
  const { rows: [{ count } = { count: 0 }] } = await pool.query<{ count: number }>('SELECT count(*)::int AS count FROM webhook_attempt JOIN webhook_delivery ON id = delivery_id WHERE event_id = ANY($1)', [events])
  const unexplained = receiver.received.filter(request => wanted.has(request.id)).length - count
  t.log({ events: events.length, requests: receiver.received.length, attempts: count, unexplained })
  t.true(unexplained >= 0 && unexplained <= 3 * 3 * 40)
})

test.serial('a replay whose worker is killed with -9 while it queues and while it delivers ends with every event delivered again, under its own id', async t => {
  const { pool } = product
  const tenant = { organizationId: 'org_default', projectId: 'proj_default' }
  receiver.behave(() => ({ status: 200, delay: 20 }))
  const endpoint = await addEndpoint(pool, tenant, { url: `${receiver.url}/replayed`, concurrency: 10, eventTypes: ['replay.*'] }, createKeyring(testEncryptionKeys))
  const since = new Date(Date.now() - 1_000).toISOString()
  const events: string[] = []
  for (let batch = 0; batch < 16; batch++) events.push(...await addEvents(pool, tenant, 50, { type: 'replay.test' }))
  await receiver.arrived(events.length, '/replayed')
  const { id } = await administer(product, 'POST', `/webhooks/${endpoint.id}/replay`, { since })
  for (const more of [1, 400]) {
    await receiver.arrived(events.length + more, '/replayed')
    await kill(product, 'worker').replaced
  }
  const replay = async (): Promise<{ state: string, counts: object }> => await administer(product, 'GET', `/jobs/${id}`)
  const end = performance.now() + 60_000
  let now = await replay()
  while (now.state !== 'succeeded') {
    if (performance.now() > end) throw new Error(`not ended: ${JSON.stringify(now)}`)
    await new Promise(resolve => { setTimeout(resolve, 100) })
    now = await replay()
  }
  t.like(now.counts, { total: events.length, succeeded: events.length, failed: 0 })
  const times = new Map<string, number>()
  for (const request of receiver.received) if (request.path === '/replayed') times.set(request.id, (times.get(request.id) ?? 0) + 1)
  t.deepEqual([...times.keys()].sort(), [...events].sort())
  const again = [...times.values()].reduce((sum, count) => sum + count, 0) - 2 * events.length
  t.log({ events: events.length, again })
  t.true([...times.values()].every(count => count >= 2), 'each came a second time')
  t.true(again <= 2 * 40, 'and only what was under way at a kill a third')
})
