import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { chat, createKey, judgeUsage, usageOf, type Chatted } from './support/gateway.ts'
import { kill } from './support/kills.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'own', latency: 30, workerCount: 0, apiCount: 2 }) })
test.after.always(async () => { await product?.stop() })

/** Chats one after the other until told to stop. */
function keepChatting (t: ExecutionContext, url: string, key: string): { seen: Chatted[], stop: () => Promise<Chatted[]> } {
  const seen: Chatted[] = []
  let over = false
  // eslint-disable-next-line no-unmodified-loop-condition -- stop() ends it
  const done = (async () => { while (!over) seen.push(await chat(url, key, { stream: seen.length % 2 === 1, body: { max_tokens: 60 } })) })()
  return {
    seen,
    async stop () {
      over = true
      await done
      return seen
    }
  }
}

const outcomes = (seen: readonly Chatted[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { status, code, complete } of seen) {
    const what = `${status} ${code ?? (complete ? 'complete' : 'broken')}`
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}

test.serial('while Temporal is away, every chat is answered, and no slower', async t => {
  const { stack } = product
  const { key } = await createKey(product, { budget: '100', limits: { requests_per_minute: 100_000, concurrency: 100 } })
  const before = keepChatting(t, stack.apiUrl, key)
  await sleep(2_000) // as long as what it is compared with
  await before.stop()
  const away = kill(product, 'temporal', 'SIGKILL', 3_000)
  const during = keepChatting(t, stack.apiUrl, key)
  await sleep(2_000)
  await during.stop()
  t.deepEqual(Object.keys(outcomes([...before.seen, ...during.seen])), ['200 complete'])
  t.true(during.seen.length > before.seen.length / 2, `${before.seen.length} chats before, ${during.seen.length} in the outage`)
  await away.replaced
  t.deepEqual(judgeUsage(await usageOf(product, [...before.seen, ...during.seen]), [...before.seen, ...during.seen]), [])
})
