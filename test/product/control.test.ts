import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import OpenAI, { ConflictError } from 'openai'
import { startProduct, type Product } from '../support/product.ts'
import { callsByLine } from './support/calls.ts'
import { gatherEvidence, type Evidence } from './support/evidence.ts'
import { reportKills } from './support/kills.ts'
import { judge } from './support/oracle.ts'
import { makeRows, sendBatch, uploadRows } from './support/rows.ts'
import { watchBatch } from './support/watch.ts'

const GRACE = 1_500
let product: Product
test.before(async () => {
  product = await startProduct({ engines: 'shared', latency: 100, workerCount: 2, env: { SIRA_BATCH_GRACE_MS: String(GRACE) } })
})
test.after.always(async () => { await product?.stop() })

/** Creates a batch by the native API; returns its id. */
async function createNative (fields: Record<string, unknown>): Promise<string> {
  const response = await product.user.request('POST', '/api/v1/batch', { endpoint: '/v1/chat/completions', ...fields })
  if (response.status !== 202) throw new Error(`${response.status} ${await response.text()}`)
  return ((await response.json()) as { id: string }).id
}

function codes (evidence: Evidence): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { error } of evidence.errors) counts[error?.code ?? 'answered'] = (counts[error?.code ?? 'answered'] ?? 0) + 1
  return counts
}

test.serial('cancel: a batch of short calls is cancelling, then cancelled within 2 s, with what was done until then', async t => {
  const { user } = product
  const rows = makeRows(5_000)
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  await watch.reached(300)
  const asked = performance.now()
  const answer = await user.openai.batches.cancel(watch.batchId)
  t.is(answer.status, 'cancelling')
  t.is(await watch.finished(), 'cancelled')
  const took = performance.now() - asked
  t.log({ took })
  t.true(took <= 2_000, `${took} ms`)
  t.is((await user.openai.batches.cancel(watch.batchId)).status, 'cancelled', 'cancelling again changes nothing')

  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'cancelled'), [])
  t.true(evidence.output.length >= 300)
  t.deepEqual(Object.keys(codes(evidence)), ['batch_cancelled'], 'no call was cut off')
  t.is(callsByLine(evidence.calls).size, evidence.output.length, 'a row that was called was kept')
})

test.serial('cancel: calls that last longer than the grace are cut off after it, and their outcome is unknown', async t => {
  const { user } = product
  const rows = makeRows(200, line => line > 20 ? '[[sim:delay=60000]]' : '')
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  await watch.reached(20)
  await sleep(300)
  const asked = performance.now()
  t.is((await user.openai.batches.cancel(watch.batchId)).status, 'cancelling')
  t.is(await watch.finished(), 'cancelled')
  const took = performance.now() - asked
  t.log({ took })
  t.true(took >= GRACE && took <= GRACE + 2_000, `${took} ms`)

  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'cancelled'), [])
  t.is(evidence.output.length, 20)
  const cut = evidence.calls.filter(call => call.aborted)
  t.is(cut.length, 64, 'as many as may be in flight')
  t.deepEqual(codes(evidence), { outcome_unknown: 64, batch_cancelled: 200 - 20 - 64 })
})

test.serial('cancel: of a paused batch the calls still under way are cut off after the grace as well', async t => {
  const { user } = product
  const rows = makeRows(80, line => line > 20 ? '[[sim:delay=60000]]' : '')
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  await watch.reached(20)
  t.is((await user.request('POST', `/api/v1/batch/${watch.batchId}/pause`)).status, 200)
  await sleep(500) // a worker looks every 200 ms
  const asked = performance.now()
  t.is((await user.openai.batches.cancel(watch.batchId)).status, 'cancelling')
  t.is(await watch.finished(), 'cancelled')
  const took = performance.now() - asked
  t.log({ took })
  t.true(took >= GRACE && took <= GRACE + 3_000, `${took} ms`)
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'cancelled'), [])
  t.is(evidence.output.length, 20)
})

test.serial('pause: no new call until resume, then the rest', async t => {
  const { user } = product
  const rows = makeRows(1_500)
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  await watch.reached(200)
  t.is((await user.request('POST', `/api/v1/batch/${watch.batchId}/pause`)).status, 200)
  // a worker looks every 200 ms, and each time it saves
  await sleep(700)
  const quiet = product.clock()
  await sleep(1_500)
  const before = product.clock()
  t.is((await user.request('POST', `/api/v1/batch/${watch.batchId}/resume`)).status, 200)
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(evidence.calls.filter(call => call.started_ms > quiet && call.started_ms < before), [])
  t.true(evidence.calls.some(call => call.started_ms > before))
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
  t.deepEqual(evidence.events.map(event => event.type),
    ['batch.created', 'batch.in_progress', 'batch.paused', 'batch.resumed', 'batch.finalizing', 'batch.completed'])
})

test.serial('expiry: what is finished when the window ends is returned and billed, the rest is batch_expired', async t => {
  const { user } = product
  const rows = makeRows(3_000)
  const watch = watchBatch(product, user, await createNative({ input_file_id: await uploadRows(user, rows), window: '3s' }))
  t.is(await watch.finished(), 'expired')
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'expired'), [])
  t.true(evidence.output.length > 0)
  t.deepEqual(codes(evidence), { batch_expired: 3_000 - evidence.output.length })
  t.true(BigInt(evidence.job.cost) > 0n)
})

test.serial('retry-failed: only the rows that failed are called', async t => {
  const { user } = product
  const rows = makeRows(700, line => line % 7 === 0 ? '[[sim:400 times=1]]' : '')
  const failed = rows.filter(row => row.marker !== '')
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(new Set(evidence.errors.map(line => line.custom_id)), new Set(failed.map(row => row.customId)))

  const response = await user.request('POST', `/api/v1/batch/${watch.batchId}/retry-failed`)
  t.is(response.status, 202)
  const again = watchBatch(product, user, ((await response.json()) as { id: string }).id)
  t.is(await again.finished(), 'completed')
  const second = await gatherEvidence(product, user, again)
  t.deepEqual(judge(second, failed, 'completed'), [])
  t.is(second.output.length, failed.length)
  t.is(second.calls.length, failed.length)
})

test.serial('budget: the cap is never passed, by two workers neither, and what it did not pay for is budget_exceeded', async t => {
  const { user } = product
  // only models that keep to max_tokens: what an answer may cost has to be known before it comes
  const rows = makeRows(2_000).map(row => ({ ...row, model: 'sim-fast' as const }))
  // a row costs about 6 million pico-USD: enough for more than a chunk and for not nearly all
  const budget = 8_000_000_000n
  const watch = watchBatch(product, user, await createNative({ input_file_id: await uploadRows(user, rows), budget_usd: '0.008' }))
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, user, watch)
  t.log({ cost: evidence.job.cost, output: evidence.output.length })
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.true(BigInt(evidence.job.cost) <= budget)
  t.true(BigInt(evidence.job.cost) >= budget * 9n / 10n, 'it is used')
  t.deepEqual(codes(evidence), { budget_exceeded: rows.length - evidence.output.length })
  t.is(callsByLine(evidence.calls).size, evidence.output.length)
})

test.serial('cancel of a completed batch is a conflict that the OpenAI SDK does not repeat', async t => {
  const { user, stack } = product
  const watch = watchBatch(product, user, await sendBatch(user, makeRows(3)))
  t.is(await watch.finished(), 'completed')
  let requests = 0
  const counting = new OpenAI({
    apiKey: user.key,
    baseURL: `${stack.apiUrl}/v1`,
    fetch: async (url, init) => {
      requests += 1
      return await fetch(url, init)
    }
  })
  const error = await t.throwsAsync(counting.batches.cancel(watch.batchId), { instanceOf: ConflictError })
  t.is(error?.status, 409)
  t.is(error?.headers?.get('x-should-retry'), 'false')
  t.is(requests, 1)
})

test.serial('the oracle of these tests notices a row, an answer and a pico-dollar too many or too few', async t => {
  const { user } = product
  const rows = makeRows(10, line => line === 3 ? '[[sim:400]]' : '')
  const watch = watchBatch(product, user, await sendBatch(user, rows))
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, user, watch)
  t.deepEqual(judge(evidence, rows, 'completed'), [])

  const [first, second] = evidence.output
  const [settled, ...others] = evidence.ledger
  const faults = (changed: Partial<Evidence>): number => judge({ ...evidence, ...changed }, rows, 'completed').length
  t.true(faults({ output: evidence.output.slice(1) }) > 0)
  t.true(faults({ output: [...evidence.output, first!] }) > 0)
  t.true(faults({ output: [{ ...first!, response: second!.response }, ...evidence.output.slice(1)] }) > 0)
  t.true(faults({ errors: [] }) > 0)
  t.true(faults({ ledger: others }) > 0)
  t.true(faults({ ledger: [{ ...settled!, cost: String(BigInt(settled!.cost!) + 1n) }, ...others] }) > 0)
  t.true(faults({ job: { ...evidence.job, cost: String(BigInt(evidence.job.cost) - 1n) } }) > 0)
  t.true(faults({ events: [...evidence.events, { seq: '99', type: 'batch.cancelled' }] }) > 0)
  t.true(faults({ sightings: [...evidence.sightings, { ...evidence.sightings[0]!, status: 'in_progress' }] }) > 0)
  t.true(faults({ leftovers: 1 }) > 0)
  t.is(judge(evidence, rows, 'cancelled').length > 0, true)
  const call = evidence.calls[0]!
  t.is(reportKills({ ...evidence, calls: [...evidence.calls, { ...call, started_ms: call.started_ms + 1_000 }] }, []).unexplained.length, 1)
})
