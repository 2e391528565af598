import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import test from 'ava'
import OpenAI from 'openai'
import type { ChatCompletionChunk } from 'openai/resources/chat/completions'
import type { LoggedCall } from '../../local/simulator/log.ts'
import { startProduct, type Product } from '../support/product.ts'
import { chat, costOf, createKey, readUsage, spentOf, until, type UsageRow } from './support/gateway.ts'
import { countRepeated, flood, floodBytes, floodEnvironment, memoryOf, mostGrowth, runningCalls, watchStalled } from './support/slow-reader.ts'

const price = 'price: { input: 0.15, cached_input: 0.075, output: 0.60 }'

let product: Product
test.before(async () => {
  product = await startProduct({
    engines: 'shared',
    latency: 5,
    workerCount: 0,
    env: floodEnvironment,
    models: [
      `  - { id: sim-impatient, provider: simulator, upstream: sim-fast, idle_timeout_ms: 400, ${price} }`,
      `  - { id: sim-hasty, provider: simulator, upstream: sim-fast, timeout_ms: 400, ${price} }`
    ]
  })
})
test.after.always(async () => { await product?.stop() })
test.beforeEach(() => { product.simulator.reset() })

const client = (key: string): OpenAI => new OpenAI({ apiKey: key, baseURL: `${product.stack.apiUrl}/v1`, maxRetries: 0 })

/** The one call that the provider got for a request. */
function callOf (requestId: string): LoggedCall {
  const calls = product.simulator.calls({ prefix: `${requestId}:` })
  if (calls.length !== 1) throw new Error(`${calls.length} calls for ${requestId}`)
  return calls[0]!
}

async function rowOf (requestId: string): Promise<UsageRow> {
  const rows = await until('the usage row', 10_000, async () => (await readUsage(product)).filter(({ id }) => id === requestId), found => found.length > 0)
  if (rows.length !== 1) throw new Error(`${rows.length} rows of ${requestId}`)
  return rows[0]!
}

/** Reads a stream to its end with the SDK: what came, and the error it ended with. */
async function readStream (key: string, model: string, content: string): Promise<{ chunks: ChatCompletionChunk[], error: unknown, requestId: string }> {
  const { data: stream, response } = await client(key).chat.completions.create({ model, stream: true, messages: [{ role: 'user', content }] }).withResponse()
  const chunks: ChatCompletionChunk[] = []
  let error: unknown = null
  try {
    for await (const chunk of stream) chunks.push(chunk)
  } catch (thrown) {
    error = thrown
  }
  return { chunks, error, requestId: response.headers.get('x-request-id')! }
}

test.serial('when the client goes away in the middle of a stream its provider is left within a second, and the received part is billed and settled', async t => {
  const { simulator, stack } = product
  const { key, budgetId } = await createKey(product, { budget: '1', limits: { concurrency: 1 } })
  simulator.setOptions({ streamInterval: 250 })
  t.teardown(() => { simulator.setOptions({ streamInterval: null }) })
  const { data: stream, response } = await client(key).chat.completions
    .create({ model: 'sim-fast', stream: true, messages: [{ role: 'user', content: 'Say much' }] }).withResponse()
  const id = response.headers.get('x-request-id')!
  let received = 0
  for await (const { object } of stream) {
    t.is(object, 'chat.completion.chunk')
    if (++received === 6) break // breaking off closes the connection
  }
  const leftAt = product.clock()
  const call = await until('the provider sees it', 5_000, async () => callOf(id), ({ finished_ms: end }) => end !== null)
  t.true(call.aborted)
  t.log(`left after ${Math.round(call.finished_ms! - leftAt)} ms`)
  t.true(call.finished_ms! - leftAt <= 1_000)

  const row = await rowOf(id)
  t.is(row.status, 499)
  t.is(row.error_code, 'client_gone')
  // one token an event; one more may have come while the client left
  t.true(row.output_tokens >= received && row.output_tokens <= received + 2, `${row.output_tokens} tokens of ${received} events`)
  t.true(row.output_tokens < call.usage!.completion_tokens, 'what it did not get is not billed')
  t.is(row.cost, costOf({ prompt_tokens: row.input_tokens, completion_tokens: row.output_tokens }).toString())
  await until('the budget is settled', 5_000, async () => await spentOf(product, budgetId), spent => spent === BigInt(row.cost!))
  simulator.setOptions({ streamInterval: null })
  t.is((await chat(stack.apiUrl, key)).status, 200, 'the one request at a time that the key may have is free again')
})

test.serial('a provider that falls silent in the middle of a stream ends it with an error that the SDK throws, and is left', async t => {
  const { key } = await createKey(product)
  const { chunks, error, requestId } = await readStream(key, 'sim-impatient', '[[sim:drip ms=60000]]')
  t.true(chunks.length > 0, 'it had begun')
  t.true(error instanceof OpenAI.APIError)
  t.is((error as InstanceType<typeof OpenAI.APIError>).code, 'upstream_timeout')
  const call = await until('the provider is left', 5_000, async () => callOf(requestId), ({ finished_ms: end }) => end !== null)
  t.true(call.aborted)
  const row = await rowOf(requestId)
  t.is(row.error_code, 'upstream_timeout')
  t.true(row.output_tokens >= chunks.length && BigInt(row.cost!) > 0n, 'what came is billed')
})

test.serial('a provider that never begins a stream is left after the time of its model, with a status of its own', async t => {
  const { key } = await createKey(product)
  const seen = await chat(product.stack.apiUrl, key, { stream: true, model: 'sim-hasty', content: '[[sim:hang]]' })
  t.is(seen.status, 504)
  t.is(seen.code, 'upstream_timeout')
  const call = await until('the provider is left', 5_000, async () => callOf(seen.id!), ({ finished_ms: end }) => end !== null)
  t.true(call.aborted)
})

for (const fault of ['cut', 'unfinished', 'stream-error', 'malformed']) {
  test.serial(`a stream that its provider spoils (${fault}) ends with an error event and without [DONE], which the SDK throws`, async t => {
    const { key } = await createKey(product)
    const raw = await chat(product.stack.apiUrl, key, { stream: true, content: `[[sim:${fault}]] raw` })
    t.is(raw.status, 200)
    t.false(raw.text.includes('[DONE]'))
    const last = raw.text.trimEnd().split('\n\n').at(-1)!
    t.truthy((JSON.parse(last.slice('data: '.length)) as { error: { message: string, code: string } }).error.code)
    const { chunks, error, requestId } = await readStream(key, 'sim-fast', `[[sim:${fault}]] by the SDK`)
    t.true(chunks.length > 0)
    t.true(error instanceof OpenAI.APIError)
    t.is((await until('the provider is done', 5_000, async () => callOf(requestId), ({ finished_ms: end }) => end !== null)).outcome, fault)
    const row = await rowOf(requestId)
    t.true(row.status >= 500 && row.output_tokens >= chunks.length)
  })
}

test.serial('a client that stops reading stops the provider, costs the api no memory, and gets every frame when it reads on', async t => {
  const { key } = await createKey(product)
  const open = async (): Promise<IncomingMessage> => {
    const request = httpRequest(`${product.stack.apiUrl}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } })
    request.end(JSON.stringify({ model: 'sim-fast', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: flood }] }))
    const [response] = await once(request, 'response') as [IncomingMessage]
    return response
  }
  const read = async (response: IncomingMessage): Promise<string[]> => {
    let text = ''
    response.setEncoding('latin1')
    for await (const piece of response) text += piece as string
    return text.trimEnd().split('\n\n')
  }
  const startedAt = performance.now()
  const whole = await read(await open())
  const tookWhole = performance.now() - startedAt

  const before = memoryOf(product)
  const response = await open()
  response.pause()
  const { running, growth } = await watchStalled(product, before, tookWhole)
  t.log({ whole: `${Math.round(tookWhole)} ms`, grown: `${Math.round(growth / 1024 / 1024)} MiB of a stream of ${floodBytes / 1024 / 1024}` })
  t.is(running, 1, 'the provider could not send on')
  t.true(growth < mostGrowth, `${growth} bytes`)

  const slow = await read(response)
  t.is(slow.length, whole.length, 'as many as when it is read at once')
  t.is(countRepeated(slow), countRepeated(whole))
  t.is(slow.filter(frame => frame === 'data: [DONE]').length, 1)
  t.true(countRepeated(slow) * slow[10]!.length >= floodBytes * 0.9)
  t.is(runningCalls(product), 0)
  t.is((await rowOf(String(response.headers['x-request-id']))).status, 200)
})
