import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { administer, chat, createKey, judgeUsage, readUsage, spentOf, sumCost, until, usageOf, type Chatted } from './support/gateway.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'shared', latency: 20, workerCount: 0, apiCount: 2 }) })
test.after.always(async () => { await product?.stop() })

/** As many clients at each process, each chatting until `over` says so of what it saw. */
async function hammer (key: string, clients: number, over: (seen: readonly Chatted[]) => boolean, stream = false): Promise<Chatted[]> {
  const seen: Chatted[] = []
  await Promise.all(product.stack.apiUrls.flatMap(url => Array.from({ length: clients }, async () => {
    const own: Chatted[] = []
    while (!over(own)) {
      const one = await chat(url, key, { stream, body: { max_tokens: 60 } })
      own.push(one)
      seen.push(one)
      if (one.status === 429) await sleep(10)
    }
  })))
  return seen
}

const count = (seen: readonly Chatted[], what: number): number => seen.filter(({ status }) => status === what).length

test.serial('a limit of 300 requests a minute over two processes admits 300, within 1 %, whichever they go to', async t => {
  const { key } = await createKey(product, { limits: { requests_per_minute: 300 } })
  // all of it has to be in one minute of the database's clock
  await until('a minute with enough left of it', 30_000,
    async () => (await product.pool.query<{ second: number }>('SELECT extract(second FROM clock_timestamp())::float8 AS second')).rows[0]!.second, second => second < 35)
  const seen = await hammer(key, 8, own => own.filter(({ status }) => status === 429).length >= 5)
  t.log({ admitted: count(seen, 200), refused: count(seen, 429) })
  t.is(count(seen, 200) + count(seen, 429), seen.length)
  t.true(Math.abs(count(seen, 200) - 300) <= 3, `${count(seen, 200)} admitted`)
  for (const { status, headers } of seen) {
    t.is(headers.get('x-ratelimit-limit-requests'), '300')
    if (status === 429) t.true(Number(headers.get('retry-after')) >= 1)
  }
})

test.serial('a limit of 8 requests under way over two processes is reached and never passed', async t => {
  const { key } = await createKey(product, { limits: { concurrency: 8 } })
  product.simulator.reset()
  product.simulator.setOptions({ latency: 100 })
  const seen = await hammer(key, 10, own => own.filter(({ status }) => status === 200).length >= 4 || own.length > 300)
  product.simulator.setOptions({ latency: 20 })
  t.log({ answered: count(seen, 200), refused: count(seen, 429) })
  t.is(product.simulator.stats().in_flight_max, 8)
  t.is(count(seen, 200) + count(seen, 429), seen.length)
  t.true(count(seen, 200) >= 80)
  t.true(seen.some(({ code }) => code === 'concurrency_limit_exceeded'))
})

test.serial('a budget over two processes is used up, and passed by no more than one request in flight at each', async t => {
  const amount = 4_000_000_000n
  const { id, key, budgetId } = await createKey(product, { budget: '0.004' })
  const seen = await hammer(key, 6, own => own.filter(({ code }) => code === 'budget_exceeded').length >= 3, true)
  const answered = seen.filter(({ status }) => status === 200)
  t.is(answered.length + seen.filter(({ code }) => code === 'budget_exceeded' || code === 'budget_reserved').length, seen.length)
  const rows = (await usageOf(product, answered)).filter(row => row.key_id === id)
  t.deepEqual(judgeUsage(rows, answered), [])
  const spent = await spentOf(product, budgetId)
  const largest = rows.reduce((most, { cost }) => BigInt(cost!) > most ? BigInt(cost!) : most, 0n)
  t.log({ requests: answered.length, spent, amount, largest })
  t.is(spent, sumCost(rows))
  t.true(spent <= amount + 2n * largest, `${spent} of ${amount}`)
  t.true(spent >= amount, `${spent} of ${amount}: money is left`)
})

test.serial('a revoked key is refused by both processes within a second', async t => {
  const { id, key } = await createKey(product)
  const requests: Array<{ readonly url: string, readonly startedAt: number, readonly status: number | null }> = []
  let over = false
  const clients = product.stack.apiUrls.flatMap(url => Array.from({ length: 2 }, async () => {
    // eslint-disable-next-line no-unmodified-loop-condition -- the test ends it
    while (!over) {
      const startedAt = performance.now()
      requests.push({ url, startedAt, status: (await chat(url, key)).status })
    }
  }))
  await until('both answer', 5_000, async () => requests.length, length => length > 20)
  await administer(product, 'DELETE', `/keys/${id}`)
  const revokedAt = performance.now()
  await until('more than a second of requests after it', 5_000, async () => performance.now() - revokedAt, past => past > 2_000)
  over = true
  await Promise.all(clients)
  for (const url of product.stack.apiUrls) {
    const own = requests.filter(request => request.url === url)
    const last = Math.max(...own.filter(({ status }) => status === 200).map(({ startedAt }) => startedAt))
    t.log(`${Math.round(last - revokedAt)} ms`)
    t.true(last - revokedAt <= 1_000)
    t.true(own.some(({ status, startedAt }) => status === 401 && startedAt > last))
  }
  t.deepEqual([...new Set(requests.map(({ status }) => status))].sort(), [200, 401])
  t.true((await readUsage(product)).length > 0)
})
