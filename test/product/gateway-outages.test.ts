import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { createKey, judgeUsage, usageOf } from './support/gateway.ts'
import { keepChatting, outcomes } from './support/keep-chatting.ts'
import { kill } from './support/kills.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'own', latency: 30, workerCount: 0, apiCount: 2 }) })
test.after.always(async () => { await product?.stop() })

test.serial('while Temporal is away, every chat is answered, and no slower', async t => {
  const { stack } = product
  const { key } = await createKey(product, { budget: '100', limits: { requests_per_minute: 100_000, concurrency: 100 } })
  const before = keepChatting(stack.apiUrl, key)
  await sleep(2_000) // as long as what it is compared with
  await before.stop()
  const away = kill(product, 'temporal', 'SIGKILL', 3_000)
  const during = keepChatting(stack.apiUrl, key)
  await sleep(2_000)
  await during.stop()
  t.deepEqual(Object.keys(outcomes([...before.seen, ...during.seen])), ['200 complete'])
  t.true(during.seen.length > before.seen.length / 2, `${before.seen.length} chats before, ${during.seen.length} in the outage`)
  await away.replaced
  t.deepEqual(judgeUsage(await usageOf(product, [...before.seen, ...during.seen]), [...before.seen, ...during.seen]), [])
})
