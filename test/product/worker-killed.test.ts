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

test('a batch survives kill -9 of its only worker again and again, and pays at most for what was in flight or unsaved', async t => {
  const rows = makeRows(3_000)
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  const kills: Kill[] = []
  for (const after of [400, 1_200, 2_000]) {
    await watch.reached(after)
    kills.push(kill(product, 'worker'))
    await kills.at(-1)!.replaced
  }
  t.is(await watch.finished(), 'completed')

  const evidence = await gatherEvidence(product, product.user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  const { reports, unexplained } = reportKills(evidence, kills)
  t.log(reports)
  t.deepEqual(unexplained, [], 'no saved row is called again')
  for (const report of reports) {
    t.true(report.inFlight <= 64, 'the concurrency of the provider')
    // a flush of 50 rows may be under way while the next 50 gather; at 800 rows/s that is as much as a flush of 60 ms lets wait
    t.true(report.unsaved <= 100)
    t.true(report.calledTwice <= report.inFlight + report.unsaved)
    t.true(report.gap <= 6_000)
  }
  // its death is certain, because its lock is free; the best of three, because other tests run on this machine too
  t.true(Math.min(...reports.map(report => report.gap)) <= 3_000)
})
