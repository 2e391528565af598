import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { gatherEvidence } from './support/evidence.ts'
import { atMost, kill, reportKills, type Kill } from './support/kills.ts'
import { judge } from './support/oracle.ts'
import { makeRows, sendBatch, uploadRows } from './support/rows.ts'
import { watchBatch } from './support/watch.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'own', latency: 80 }) })
test.after.always(async () => { await product?.stop() })

test.serial('a batch survives kill -9 of its only worker again and again, and pays at most for what was in flight or unsaved', async t => {
  const rows = makeRows(3_000)
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  const kills: Kill[] = []
  const starts: number[] = []
  for (const after of [400, 1_100, 1_800]) {
    await watch.reached(after)
    kills.push(kill(product, 'worker'))
    starts.push(await kills.at(-1)!.replaced)
  }
  t.is(await watch.finished(), 'completed')

  const evidence = await gatherEvidence(product, product.user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  const { reports, unexplained } = reportKills(evidence, kills)
  t.log({ reports, starts })
  t.deepEqual(unexplained, [], 'no saved row is called again')
  for (const [index, report] of reports.entries()) {
    t.true(report.inFlight > 0 && report.inFlight <= 64, 'the concurrency of the provider')
    // 50 rows are being written while others gather: at 800 rows/s, what a flush of 200 ms on a busy machine lets wait
    t.true(report.unsaved <= 200)
    t.true(report.calledTwice <= Math.min(64, report.inFlight) + report.unsaved)
    t.true(report.gap <= atMost(6_000, starts[index]!))
  }
  // its death is certain, because its lock is free; the best of three, because other tests run on this machine too
  t.true(Math.min(...reports.map((report, index) => report.gap - atMost(3_000, starts[index]!))) <= 0)
})

test.serial('a batch whose worker is killed with -9 while it begins, begins within 8 s', async t => {
  const { user, stack } = product
  const rows = makeRows(100)
  const fileId = await uploadRows(user, rows)
  const resume = freeze(stack.pid('s3')!) // it is asked whether the input is there
  const batch = await user.openai.batches.create({ input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' })
  const watch = watchBatch(product, user, batch.id)
  await sleep(700)
  t.is(watch.sightings.at(-1)?.status, 'validating')
  const { at, replaced } = kill(product, 'worker')
  resume()
  const start = await replaced
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  const took = evidence.calls[0]!.started_ms - at
  t.log({ took, start })
  // 3 s without a heartbeat, 1 s in which the workflow waits for the dead worker, and what a start takes; 15 minutes without heartbeats
  t.true(took <= atMost(8_000, start), `${took} ms`)
})

test.serial('a batch whose worker is killed with -9 while it writes the files is completed within 10 s', async t => {
  const { user, stack } = product
  const rows = makeRows(400)
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  await watch.reached(50)
  const resume = freeze(stack.pid('s3')!)
  await watch.reached(400)
  await sleep(300)
  t.is(watch.sightings.at(-1)?.status, 'finalizing')
  const killed = performance.now()
  const { replaced } = kill(product, 'worker')
  resume()
  const start = await replaced
  t.is(await watch.finished(), 'completed')
  const took = performance.now() - killed
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
  t.log({ took, start })
  // 5 s without a heartbeat, then the files are written anew; 2 hours without heartbeats
  t.true(took <= atMost(10_000, start), `${took} ms`)
})

/** Stops a process from answering; resumes it when called. */
function freeze (pid: number): () => void {
  process.kill(pid, 'SIGSTOP')
  return () => { process.kill(pid, 'SIGCONT') }
}
