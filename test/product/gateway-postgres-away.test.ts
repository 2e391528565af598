import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { chat, createKey, judgeUsage, spentOf, sumCost, until, usageOf, type Chatted } from './support/gateway.ts'
import { keepChatting, outcomes } from './support/keep-chatting.ts'
import { kill } from './support/kills.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'own', latency: 20, workerCount: 0 }) })
test.after.always(async () => { await product?.stop() })

/** Long enough for every timeout, backoff and cached verdict on the way to be over. */
const outage = 30_000
const answered = (seen: readonly Chatted[]): Chatted[] => seen.filter(({ status }) => status === 200)

test.serial('while Postgres is away for 30 s chats go on within what is leased, then get a clear 503; their usage arrives afterwards, once', async t => {
  const { stack } = product
  const rich = await createKey(product, { budget: '100', limits: { requests_per_minute: 100_000, concurrency: 100 } })
  // a lease is an eighth of it: some dozens of chats, so that it is used up long before the outage is over, and not before it begins
  const poor = await createKey(product, { budget: '0.004' })
  const richChats = keepChatting(stack.apiUrl, rich.key)
  // all the time, or its lease would go back before the outage
  const poorChats = keepChatting(stack.apiUrl, poor.key, async () => { await sleep(100) })
  await until('both have leases', 10_000, async () => Math.min(answered(richChats.seen).length, answered(poorChats.seen).length), count => count >= 3)

  const away = kill(product, 'postgres', 'SIGKILL', outage)
  const [richBefore, poorBefore] = [richChats.seen.length, poorChats.seen.length]
  await until('the small budget is beyond its lease', outage - 5_000, async () => poorChats.seen, seen => seen.at(-1)!.code === 'unavailable')
  const unknown = await chat(stack.apiUrl, `${rich.key.slice(0, -1)}x`)
  t.is(unknown.status, 401, 'a key that is none needs no database to be refused')
  await away.replaced
  const [richDuring, poorDuring] = [richChats.seen.slice(richBefore), poorChats.seen.slice(poorBefore)]
  t.log({ rich: outcomes(richDuring), poor: outcomes(poorDuring) })
  t.deepEqual(Object.keys(outcomes(richDuring)), ['200 complete'], 'enough is leased')
  t.true(answered(poorDuring).length > 0, 'what was leased is used')
  t.deepEqual(Object.keys(outcomes(poorDuring)).sort(), ['200 complete', '503 unavailable'])
  for (const { status, headers, text } of poorDuring) {
    if (status !== 503) continue
    t.true(Number(headers.get('retry-after')) >= 1)
    t.regex(text, /Postgres cannot be reached now/)
  }

  const after = poorChats.seen.length
  await until('the small budget is lent again', 10_000, async () => poorChats.seen.slice(after), seen => seen.some(({ status }) => status === 200))
  const all = answered([...await richChats.stop(), ...await poorChats.stop()])
  const rows = await usageOf(product, all)
  t.deepEqual(judgeUsage(rows, all), [])
  for (const { id, budgetId } of [rich, poor]) {
    const own = rows.filter(row => row.key_id === id)
    t.is(await spentOf(product, budgetId), sumCost(own), 'the books of the budget are the sum of its rows')
  }
})
