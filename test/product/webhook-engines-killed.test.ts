import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Webhook } from 'standardwebhooks'
import { startProduct, type Product } from '../support/product.ts'
import { startReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts'
import { testEncryptionKeys } from '../support/webhooks.ts'
import { kill } from './support/kills.ts'

let product: Product
let receiver: WebhookReceiver
test.before(async () => {
  [product, receiver] = await Promise.all([
    startProduct({ engines: 'own', latency: 20, env: { SIRA_ENCRYPTION_KEYS: testEncryptionKeys, SIRA_WEBHOOK_SCHEDULE: '0s,200ms,400ms,1s,2s,4s' } }),
    startReceiver()
  ])
})
test.after.always(async () => {
  await receiver?.close()
  await product?.stop()
})

/** What it takes for every event of the project to be delivered, as one row: anything else than zeros is not over yet. */
const openQuery = `
  SELECT count(*) FILTER (WHERE webhook_delivery.id IS NULL)::int AS missing, count(*) FILTER (WHERE webhook_delivery.state <> 'delivered')::int AS open, count(*)::int AS events
  FROM event LEFT JOIN webhook_delivery ON event_id = event.id WHERE event.project_id = 'proj_default' AND event.created_at >= $1`

test('kill -9 of Temporal, Postgres, the api and the worker amid batches: every event reaches the receiver under its own id, and none is told that did not happen', async t => {
  const { pool, user } = product
  const answer = await (await user.request('POST', '/api/v1/webhooks', { url: `${receiver.url}/hook`, event_types: ['batch.*'] })).json() as { id: string, secret: string, created_at: string }
  receiver.behave((_, count) => count % 5 === 4 ? { status: 503 } : { status: 204, delay: 10 })
  const batches: string[] = []
  const send = async (): Promise<void> => {
    const requests = ['a', 'b', 'c'].map(name => ({ custom_id: name, body: { model: 'sim-fast', messages: [{ role: 'user', content: name }] } }))
    const created = await user.request('POST', '/api/v1/batch', { endpoint: '/v1/chat/completions', requests }, { 'idempotency-key': `batch-${batches.length}` })
    t.is(created.status, 202)
    batches.push((await created.json() as { id: string }).id)
  }
  const downtimes = { temporal: 2_000, postgres: 2_000, api: 0, worker: 0 }
  for (const [name, downtime] of Object.entries(downtimes)) {
    const before = receiver.received.length
    for (let number = 0; number < 4; number++) await send()
    await receiver.arrived(before + 2) // in the middle of it: four batches have some twenty events
    await kill(product, name, 'SIGKILL', downtime).replaced
  }
  await send()
  const deadline = performance.now() + 60_000
  for (;;) {
    const { rows: [state] } = await pool.query<{ missing: number, open: number, events: number }>(openQuery, [answer.created_at])
    const { rowCount: unfinished } = await pool.query("SELECT FROM job WHERE id = ANY($1) AND state <> 'succeeded'", [batches])
    if (unfinished === 0 && state!.missing === 0 && state!.open === 0) break
    if (performance.now() > deadline) throw new Error(`not all delivered: ${JSON.stringify({ ...state, unfinished })}`)
    await sleep(100)
  }
  const { rows: events } = await pool.query<{ id: string, type: string, resource_id: string, seq: string }>(
    'SELECT id, type, resource_id, seq FROM event WHERE project_id = \'proj_default\' AND created_at >= $1', [answer.created_at])
  t.deepEqual([...new Set(receiver.received.map(({ id }) => id))].sort(), events.map(({ id }) => id).sort())
  const byId = new Map(events.map(event => [event.id, event]))
  for (const { id, body, headers } of receiver.received) {
    const told = new Webhook(answer.secret).verify(body, headers as Record<string, string>) as { id: string, type: string, sequence: number, data: { id: string } }
    const { type, resource_id: resource, seq } = byId.get(id)!
    t.deepEqual([told.id, told.type, told.data.id, told.sequence], [id, type, resource, Number(seq)])
  }
  for (const batch of batches) t.is(events.filter(event => event.resource_id === batch && event.type === 'batch.completed').length, 1)
  t.log({ events: events.length, requests: receiver.received.length })
})
