import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { gatherEvidence } from './support/evidence.ts'
import { kill, reportKills, type Kill } from './support/kills.ts'
import { judge } from './support/oracle.ts'
import { makeRows, sendBatch } from './support/rows.ts'
import { watchBatch } from './support/watch.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'own', latency: 80 }) })
test.after.always(async () => { await product?.stop() })

test.serial('kill -9 of Temporal, again and again, delays a batch and changes nothing else', async t => {
  const rows = makeRows(4_000)
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  const kills: Kill[] = []
  for (const after of [300, 1_300, 2_500]) {
    await watch.reached(after)
    kills.push(kill(product, 'temporal'))
    await kills.at(-1)!.replaced
  }
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, product.user, watch)
  t.log(reportKills(evidence, kills).reports)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
})

test.serial('an outage of Temporal of 10 s costs time only', async t => {
  // slow calls, so that the open chunks last longer than the outage
  product.simulator.setOptions({ latency: 300 })
  const rows = makeRows(3_200)
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  await watch.reached(100)
  const outage = kill(product, 'temporal', 'SIGKILL', 10_000)
  await outage.replaced
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, product.user, watch)
  t.log(reportKills(evidence, [outage]).reports)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
})
