import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product, type User } from '../support/product.ts'
import { gatherEvidence } from './support/evidence.ts'
import { kill, reportKills } from './support/kills.ts'
import { judge } from './support/oracle.ts'
import { makeRows, sendBatch, uploadRows } from './support/rows.ts'
import { stepsBackwards, subscribeJob } from './support/subscribe.ts'
import { watchBatch } from './support/watch.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'own', latency: 50 }) })
test.after.always(async () => { await product?.stop() })

test.serial('while the api is killed with -9 again and again, every batch it accepts finishes, none twice, and a running one goes on', async t => {
  const { user } = product
  const rows = makeRows(4_000)
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  const subscription = subscribeJob(product.stack.apiUrl, user.key, watch.batchId)
  const smallRows = makeRows(10)
  const other = await product.createUser()
  const fileId = await uploadRows(other, smallRows)
  const chaos = { over: false }
  const kills = (async () => {
    for (let round = 0; round < 3; round++) {
      await sleep(250)
      await kill(product, 'api').replaced
    }
    chaos.over = true
  })()
  const clients = Array.from({ length: 4 }, async () => {
    const created: Created[] = []
    while (!chaos.over) created.push(await createThrough(other, fileId))
    return created
  })
  const created = (await Promise.all(clients)).flat()
  await kills
  t.log({ batches: created.length, requests: created.reduce((sum, one) => sum + one.requests, 0), connections: subscription.connections() })

  const { rows: stored } = await product.pool.query('SELECT id FROM job WHERE api_key_id <> (SELECT api_key_id FROM job WHERE id = $1) ORDER BY id', [watch.batchId])
  t.deepEqual(stored.map(row => (row as { id: string }).id), created.map(one => one.id).sort(), 'one batch for each Idempotency-Key')
  t.true(created.some(one => one.requests > 1), 'some requests met a dead api')
  for (const { id } of created) {
    const small = watchBatch(product, other, id)
    t.is(await small.finished(), 'completed')
    const evidence = await gatherEvidence(product, other, small)
    t.deepEqual(judge(evidence, smallRows, 'completed'), [])
    t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
  }

  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
  const isOver = (): boolean => subscription.messages.at(-1)?.state === 'succeeded'
  for (const end = performance.now() + 5_000; !isOver() && performance.now() < end;) await sleep(20)
  subscription.close()
  t.true(isOver())
  t.true(subscription.connections() > 1)
  t.deepEqual(stepsBackwards(subscription.messages), [])
})

interface Created { readonly id: string, readonly requests: number }

/** Creates a batch as a careful client does: the same key and body until there is an answer. */
async function createThrough (user: User, fileId: string): Promise<Created> {
  const headers = { 'idempotency-key': randomUUID() }
  for (let requests = 1; requests < 1_000; requests++) {
    const response = await user.request('POST', '/v1/batches', { input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' }, headers)
      .catch(() => null) // the api is down, or went down under this request
    const text = await response?.text().catch(() => null)
    if (response?.status === 200 && typeof text === 'string') return { id: (JSON.parse(text) as { id: string }).id, requests }
    if (response !== null && ![200, 409, 500, 503].includes(response.status)) throw new Error(`${response.status} ${text}`)
    await sleep(20)
  }
  throw new Error('no answer')
}

test.serial('a batch whose api is killed with -9 between acceptance and start is started by a worker, once', async t => {
  const { user, pool } = product
  const rows = makeRows(10)
  const fileId = await uploadRows(user, rows)
  // without Temporal the api cannot start what it has accepted, so the kill comes in between
  const temporal = kill(product, 'temporal', 'SIGKILL', 4_000)
  const creating = createThrough(user, fileId)
  for (;;) {
    const { rowCount } = await pool.query("SELECT FROM outbox WHERE action = 'start'")
    if (rowCount === 1) break
    await sleep(5)
  }
  await kill(product, 'api').replaced
  const { id, requests } = await creating
  t.true(requests > 1, 'the first request was not answered')
  t.is((await pool.query('SELECT FROM batch WHERE input_file_id = $1', [fileId])).rowCount, 1)
  const watch = watchBatch(product, user, id)
  await temporal.replaced
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
})
