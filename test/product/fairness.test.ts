import test from 'ava'
import { startProduct, type Product, type User } from '../support/product.ts'
import { gatherEvidence } from './support/evidence.ts'
import { judge } from './support/oracle.ts'
import { makeRows, sendBatch, uploadRows } from './support/rows.ts'
import { watchBatch } from './support/watch.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'shared', latency: 20 }) })
test.after.always(async () => { await product?.stop() })

test.serial('a batch of 10 rows is not held up by one of 50,000 rows of another organization', async t => {
  const small = await product.createUser()
  const alone: number[] = []
  for (let run = 0; run < 3; run++) alone.push(await timeOf(small))
  const big = watchBatch(product, product.user, await sendBatch(product.user, makeRows(50_000)))
  await big.reached(1_000)
  const beside = await timeOf(small)
  t.not(big.sightings.at(-1)?.status, 'completed')
  t.log({ alone, beside })
  t.true(beside <= 3 * Math.max(...alone) + 1_000)
  await product.user.openai.batches.cancel(big.batchId)
  t.is(await big.finished(), 'cancelled')
})

/** ms from sending a batch of 10 rows until it is seen completed. */
async function timeOf (user: User): Promise<number> {
  const rows = makeRows(10)
  const fileId = await uploadRows(user, rows)
  const started = performance.now()
  const batch = await user.openai.batches.create({ input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' })
  const watch = watchBatch(product, user, batch.id)
  if (await watch.finished() !== 'completed') throw new Error(`${batch.id} did not complete`)
  return performance.now() - started
}

test.serial('200 batches created at once all finish', async t => {
  const user = await product.createUser()
  const rows = makeRows(10)
  const fileId = await uploadRows(user, rows)
  const batches = await Promise.all(Array.from({ length: 200 }, async () =>
    await user.openai.batches.create({ input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' })))
  t.is(new Set(batches.map(batch => batch.id)).size, 200)
  const started = performance.now()
  const states = async (): Promise<unknown[]> => (await product.pool.query(
    'SELECT state, count(*)::int AS count, sum(succeeded)::int AS rows FROM job WHERE id = ANY($1) GROUP BY state', [batches.map(batch => batch.id)])).rows
  const isDone = async (): Promise<boolean> => JSON.stringify(await states()) === '[{"state":"succeeded","count":200,"rows":2000}]'
  while (!await isDone()) {
    if (performance.now() - started > 60_000) break
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  t.log({ took: performance.now() - started })
  t.deepEqual(await states(), [{ state: 'succeeded', count: 200, rows: 2_000 }])
  for (const { id } of [batches[0]!, batches[100]!, batches[199]!]) {
    const watch = watchBatch(product, user, id)
    await watch.finished()
    t.deepEqual(judge(await gatherEvidence(product, user, watch), rows, 'completed'), [])
  }
})
