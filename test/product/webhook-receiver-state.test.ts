import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { Webhook } from 'standardwebhooks'
import { seeded } from '../lib/_seeded.ts'
import { startProduct, type Product } from '../support/product.ts'
import { startReceiver, type Behaviour, type Received, type WebhookReceiver } from '../support/webhook-receiver.ts'

/** The receiver that docs/webhooks.md describes: verifies, takes each id once, and lets no older state overwrite a newer one. */
class Mirror {
  readonly seen = new Set<string>()
  readonly states = new Map<string, { sequence: number, word: string }>()
  refused = 0
  failures = 0
  stale = 0
  readonly #webhook: Webhook
  readonly #random = seeded(4)

  constructor (secret: string) { this.#webhook = new Webhook(secret) }

  /** Three requests of ten go wrong: two before anything was done with them, one after, which the sender cannot know. */
  receive (request: Received): Behaviour {
    const chance = this.#random()
    if (chance < 0.3) this.failures += 1
    if (chance < 0.1) return { status: 500 }
    if (chance < 0.2) return 'reset'
    let event
    try {
      event = this.#webhook.verify(request.body, request.headers as Record<string, string>) as { id: string, sequence: number, data: { id: string, state?: string, status?: string } }
    } catch {
      this.refused += 1
      return { status: 400 }
    }
    this.#take(request.id, event)
    return chance < 0.25 ? 'reset' : { status: chance < 0.3 ? 500 : 204 }
  }

  #take (id: string, { sequence, data }: { sequence: number, data: { id: string, state?: string, status?: string } }): void {
    if (this.seen.has(id)) return
    this.seen.add(id)
    const known = this.states.get(data.id)
    if (known !== undefined && known.sequence > sequence) this.stale += 1
    else this.states.set(data.id, { sequence, word: data.state ?? data.status! })
  }
}

let product: Product
let receiver: WebhookReceiver
test.before(async () => {
  const schedule = ['0s', ...Array<string>(19).fill('100ms')].join()
  ;[product, receiver] = await Promise.all([
    startProduct({ engines: 'shared', latency: 20, env: { SIRA_WEBHOOK_SCHEDULE: schedule, SIRA_BATCH_GRACE_MS: '200' } }), startReceiver()])
})
test.after.always(async () => { await Promise.all([product?.stop(), receiver?.close()]) })

async function send (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> {
  const response = await product.user.request(method, path, body)
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return JSON.parse(text) as Record<string, unknown>
}

/** Everything is told: no event waits for its fan-out and no delivery for an attempt. */
async function told (): Promise<void> {
  for (;;) { // bounded by the test's own timeout
    const { rows: [row] } = await product.pool.query<{ open: boolean }>("SELECT EXISTS (SELECT FROM event WHERE feed_seq IS NULL) OR EXISTS (SELECT FROM webhook_delivery WHERE state = 'pending') AS open")
    if (!row!.open) return
    await sleep(50)
  }
}

test.serial('a receiver that verifies, takes each id once and drops stale sequences ends with exactly the right states though 3 of 10 requests fail, and again by a replay', async t => {
  const endpoint = await send('POST', '/api/v1/webhooks', { url: `${receiver.url}/hook`, event_types: ['batch.*', 'response.*'], payload: 'full' })
  const mirror = new Mirror(endpoint.secret as string)
  receiver.behave(request => mirror.receive(request))

  const row = (id: string, prompt: string): object => ({ custom_id: id, body: { model: 'sim-fast', messages: [{ role: 'user', content: prompt }] } })
  const batches = await Promise.all(Array.from({ length: 16 }, async (_, index) => {
    const requests = [row('a', 'hello'), row('b', index % 4 === 0 ? '[[sim:422]]' : 'hello'), row('c', index % 4 === 1 ? '[[sim:delay=20000]]' : 'hello')]
    const { id, cancel_url: cancel } = await send('POST', '/api/v1/batch', index % 4 === 2 ? { endpoint: '/v1/chat/completions', input_file_id: 'file-none' } : { endpoint: '/v1/chat/completions', requests })
    if (index % 4 === 1) await send('POST', cancel as string)
    return id as string
  }))
  const responses = await Promise.all(Array.from({ length: 8 }, async (_, index) => {
    const { id } = await product.user.openai.responses.create({ model: 'sim-fast', input: index % 2 === 0 ? 'hello' : '[[sim:400]]', background: true })
    return id
  }))
  const truth = async (): Promise<Map<string, string>> => {
    const words = new Map<string, string>()
    for (const id of batches) words.set(id, (await send('GET', `/api/v1/jobs/${id}`)).state as string)
    for (const id of responses) words.set(id, (await product.user.openai.responses.retrieve(id)).status!)
    return words
  }
  const ended = new Set(['succeeded', 'failed', 'cancelled', 'completed'])
  while (![...(await truth()).values()].every(word => ended.has(word))) await sleep(100)
  await told()

  const right = Object.fromEntries(await truth())
  t.deepEqual([...new Set(Object.values(right))].sort(), [...ended].sort(), 'every end has come about')
  const wordsOf = ({ states }: Mirror): object => Object.fromEntries(Array.from(states, ([id, { word }]) => [id, word]))
  const { rows: events } = await product.pool.query<{ id: string }>("SELECT id FROM event WHERE type LIKE 'batch.%' OR type LIKE 'response.%'")
  const ids = events.map(event => event.id).sort()
  t.deepEqual(wordsOf(mirror), right)
  t.deepEqual([...mirror.seen].sort(), ids, 'all events came, and no other')
  t.is(mirror.refused, 0)
  t.true(mirror.failures > receiver.received.length * 0.2, `${mirror.failures} of ${receiver.received.length} failed`)
  t.log(`${events.length} events in ${receiver.received.length} requests, ${mirror.failures} of them failed, ${mirror.stale} events came too late`)

  // it lost its database, and asks for everything again
  const again = new Mirror(endpoint.secret as string)
  receiver.behave(request => again.receive(request))
  const job = await send('POST', `/api/v1/webhooks/${String(endpoint.id)}/replay`, { since: new Date(Date.now() - 3_600_000).toISOString() })
  await (await product.user.request('GET', job.events_url as string)).text() // ends with the job
  t.like(await send('GET', job.status_url as string), { state: 'succeeded', counts: { total: events.length, succeeded: events.length, failed: 0 } })
  t.deepEqual(wordsOf(again), right)
  t.deepEqual([...again.seen].sort(), ids, 'under the ids that they had')
  t.is(again.refused, 0)
})
