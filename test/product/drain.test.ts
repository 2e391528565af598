import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startProduct, type Product } from '../support/product.ts'
import { gatherEvidence } from './support/evidence.ts'
import { kill, reportKills, type Kill } from './support/kills.ts'
import { judge } from './support/oracle.ts'
import { makeRows, sendBatch } from './support/rows.ts'
import { watchBatch } from './support/watch.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'shared', latency: 100 }) })
test.after.always(async () => { await product?.stop() })

test.serial('a worker that gets SIGTERM finishes its calls, saves them and hands its chunks over: no row is called twice', async t => {
  const rows = makeRows(2_500, line => line % 50 === 0 ? '[[sim:500 times=1]]' : '')
  const watch = watchBatch(product, product.user, await sendBatch(product.user, rows))
  const kills: Kill[] = []
  for (const after of [300, 1_500]) {
    await watch.reached(after)
    kills.push(kill(product, 'worker', 'SIGTERM'))
    await kills.at(-1)!.replaced
  }
  t.is(await watch.finished(), 'completed')
  const evidence = await gatherEvidence(product, product.user, watch)
  t.log(reportKills(evidence, kills).reports)
  t.deepEqual(judge(evidence, rows, 'completed'), [])
  t.deepEqual(reportKills(evidence, []).unexplained, [], 'no row is called twice')
  t.false(evidence.calls.some(call => call.aborted), 'no call is cut off')
})

test.serial('an api that gets SIGTERM finishes the requests it has', async t => {
  const { stack, user } = product
  const lines = makeRows(20).map(row => JSON.stringify({ custom_id: row.customId, method: 'POST', url: '/v1/chat/completions', body: { model: row.model } }) + '\n')
  const head = '--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n' +
    '--x\r\ncontent-disposition: form-data; name="file"; filename="rows.jsonl"\r\ncontent-type: application/jsonl\r\n\r\n'
  async function * slowUpload (): AsyncGenerator<string> {
    yield head
    for (const line of lines) {
      yield line
      await sleep(60)
    }
    yield '\r\n--x--\r\n'
  }
  const uploading = fetch(`${stack.apiUrl}/v1/files`, {
    method: 'POST',
    headers: { authorization: `Bearer ${user.key}`, 'content-type': 'multipart/form-data; boundary=x' },
    body: Readable.toWeb(Readable.from(slowUpload())) as ReadableStream,
    duplex: 'half'
  } as RequestInit)
  await sleep(400)
  const { replaced } = kill(product, 'api', 'SIGTERM')
  const response = await uploading
  t.is(response.status, 200)
  const file = await response.json() as { id: string, bytes: number }
  t.is(file.bytes, lines.join('').length)
  const answered = performance.now()
  await replaced
  const took = performance.now() - answered
  t.log({ took })
  t.true(took <= 15_000, `${took} ms: an idle connection does not hold it up`)
  t.is(await (await user.openai.files.content(file.id)).text(), lines.join(''))
})
