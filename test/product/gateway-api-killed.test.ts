import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { chat, createKey, judgeUsage, spentOf, sumCost, until, usageOf, type Chatted } from './support/gateway.ts'
import { kill } from './support/kills.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'shared', latency: 30, workerCount: 0 }) })
test.after.always(async () => { await product?.stop() })

test.serial('while the api is killed with -9 under load, no usage of an answered request is lost or counted twice, and the budget agrees', async t => {
  const { stack } = product
  product.simulator.setOptions({ streamInterval: 2 })
  const { id: keyId, key, budgetId } = await createKey(product, { budget: '100' })
  const chaos = { over: false }
  const seen: Chatted[] = []
  const clients = Promise.all(Array.from({ length: 24 }, async (_, client) => {
    while (!chaos.over) {
      const one = await chat(stack.apiUrl, key, { stream: client % 2 === 0, content: `Say ${client}` })
      seen.push(one)
      if (one.status === null) await sleep(20)
    }
  }))
  const answered = (): Chatted[] => seen.filter(({ complete, status }) => complete && status === 200)
  for (let round = 0; round < 2; round++) {
    const before = answered().length
    await until('answers under load', 10_000, async () => answered().length, count => count > before + 300)
    await kill(product, 'api').replaced
  }
  const before = answered().length
  await until('answers after the kills', 10_000, async () => answered().length, count => count > before + 100)
  chaos.over = true
  await clients

  const rows = await usageOf(product, answered())
  t.deepEqual(judgeUsage(rows, answered()), [])
  const own = rows.filter(row => row.key_id === keyId)
  t.true(seen.some(({ status }) => status === null), 'some requests met a dead api')
  t.true(seen.some(({ complete, status }) => status === 200 && !complete), 'some streams were cut by a kill')
  t.deepEqual(seen.filter(({ status, complete }) => status !== null && (status !== 200 || (complete && status !== 200))).map(({ status, code }) => `${status} ${code}`), [], 'no other refusal')
  t.log({ seen: seen.length, answered: answered().length, rows: own.length })
  t.is(await spentOf(product, budgetId), sumCost(own), 'the books of the budget are the sum of its rows')
  const answeredCost = sumCost(own.filter(row => answered().some(({ id }) => id === row.id)))
  t.true(await spentOf(product, budgetId) >= answeredCost)
})
