import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import type OpenAI from 'openai'
import { checkedEvents } from '../support/feed-events.ts'
import { startProduct, type Product } from '../support/product.ts'
import { kill } from './support/kills.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'shared', latency: 50 }) })
test.after.always(async () => { await product?.stop() })

test.serial('a background response whose worker is killed with -9 is made again by the next one and completed once', async t => {
  const { simulator, pool, user: { openai } } = product
  simulator.setOptions({ streamInterval: 100 })
  const { id } = await openai.responses.create({ model: 'sim-fast', input: 'Survive', background: true })
  const eventCount = async (): Promise<number> => (await pool.query<{ last_event: number }>('SELECT last_event FROM response WHERE id = $1', [id])).rows[0]!.last_event
  while (await eventCount() < 6) await sleep(20)
  const reading = (async () => {
    const all: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const event of await openai.responses.retrieve(id, { stream: true })) all.push(event)
    return all
  })()
  const { replaced } = kill(product, 'worker')
  const had = await eventCount()
  simulator.setOptions({ streamInterval: 5 })
  await replaced

  const events = await reading
  const done = await openai.responses.retrieve(id)
  t.is(done.status, 'completed')
  t.deepEqual(events.map(event => event.sequence_number), events.map((_, index) => index + 1), 'no number is missing or told twice')
  const places = (type: string): number[] => events.flatMap((event, index) => event.type === type ? [index] : [])
  const [first, second, ...more] = places('response.created')
  t.deepEqual(more, [])
  t.is(first, 0)
  t.true(second! >= had, 'the second call begins anew after what the first had told')
  t.deepEqual(places('response.completed'), [events.length - 1])
  const text = events.slice(second).flatMap(event => event.type === 'response.output_text.delta' ? [event.delta] : []).join('')
  t.is(text, done.output_text)
  t.deepEqual((await checkedEvents(t, pool, [id])).map(event => event.type), ['response.completed'], 'the feed has one end')
  const calls = simulator.calls()
  t.deepEqual(calls.map(call => call.aborted), [true, false])
  while ((await pool.query('SELECT FROM usage')).rowCount === 0) await sleep(20)
  const { rows } = await pool.query<{ status: number, output_tokens: number }>('SELECT status, output_tokens FROM usage')
  t.like(rows, { length: 1, 0: { status: 200, output_tokens: done.usage!.output_tokens } })
})
