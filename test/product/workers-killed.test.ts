import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { gatherEvidence } from './support/evidence.ts'
import { atMost, kill, reportKills, type Kill } from './support/kills.ts'
import { judge } from './support/oracle.ts'
import { makeRows, sendBatch } from './support/rows.ts'
import { watchBatch } from './support/watch.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'own', latency: 120, workerCount: 2 }) })
test.after.always(async () => { await product?.stop() })

test.serial('with two workers, the chunks of the one that is killed with -9 go to the other within 3 s', async t => {
  const rows = makeRows(3_500)
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  const kills: Kill[] = []
  const takeovers: number[] = []
  await watch.reached(300)
  for (let round = 0; round < 2; round++) {
    const { name, leases } = await busiestWorker(watch.batchId)
    kills.push(kill(product, name))
    takeovers.push(...await Promise.all(leases.map(async lease => await takenOver(watch.batchId, lease, kills.at(-1)!.time))))
  }
  const starts = await Promise.all(kills.map(async ({ replaced }) => await replaced))
  t.is(await watch.finished(), 'completed')

  const evidence = await gatherEvidence(product, product.user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  const { reports, unexplained } = reportKills(evidence, kills)
  t.log({ reports, takeovers, starts })
  t.deepEqual(unexplained, [], 'no saved row is called again')
  for (const report of reports) {
    t.true(report.unsaved <= 200)
    t.true(report.calledTwice <= Math.min(64, report.inFlight) + report.unsaved)
    t.true(report.gap <= atMost(6_000, Math.max(...starts)))
  }
  t.true(takeovers.length >= 2)
  t.true(Math.min(...takeovers) <= 3_000)
  t.true(Math.max(...takeovers) <= atMost(6_000, Math.max(...starts)))
})

interface Lease { readonly chunk: number, readonly worker_id: string }

/** Of the workers that are up, the one with the most chunks of the batch, as soon as there is one. */
async function busiestWorker (batchId: string): Promise<{ name: string, leases: Lease[] }> {
  for (const end = performance.now() + 30_000; performance.now() < end; await sleep(20)) {
    const found = await Promise.all(['worker', 'worker-2'].map(async name => {
      const { rows } = await product.pool.query<Lease>(
        'SELECT part AS chunk, worker_id FROM activity_lease JOIN worker ON worker.id = worker_id WHERE resource_id = $1 AND identity LIKE $2',
        [batchId, `${product.stack.pid(name)}@%`])
      return { name, leases: rows }
    }))
    const busiest = found.reduce((most, other) => other.leases.length > most.leases.length ? other : most)
    if (busiest.leases.length > 0) return busiest
  }
  throw new Error('No worker took a chunk in 30 s')
}

/** ms from the kill until the chunk is no longer its dead worker's. */
async function takenOver (batchId: string, { chunk, worker_id: dead }: Lease, killed: number): Promise<number> {
  for (;;) {
    const { rowCount } = await product.pool.query('SELECT FROM activity_lease WHERE resource_id = $1 AND part = $2 AND worker_id = $3', [batchId, chunk, dead])
    if (rowCount === 0) return Date.now() - killed
    if (Date.now() - killed > 30_000) throw new Error(`Chunk ${chunk} is still its dead worker's after 30 s`)
    await sleep(20)
  }
}

test.serial('a batch whose next chunks cannot be read because S3 is killed goes on when S3 is back', async t => {
  const rows = makeRows(3_000)
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  for (const after of [300, 1_300]) {
    await watch.reached(after)
    await kill(product, 's3', 'SIGKILL', 2_500).replaced
  }
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, product.user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
})

test.serial('a batch that cannot write its files because S3 is killed writes them when S3 is back', async t => {
  const rows = makeRows(600, line => line % 100 === 0 ? '[[sim:400]]' : '')
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  await watch.reached(300)
  const { replaced } = kill(product, 's3', 'SIGKILL', 3_000)
  await watch.reached(600)
  await sleep(1_000)
  t.is(watch.sightings.at(-1)?.status, 'finalizing')
  await replaced
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, product.user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.is(evidence.errors.length, 6)
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
})
