import { once } from 'node:events'
import test, { type ExecutionContext } from 'ava'
import { WebSocket } from 'ws'
import { startProduct, type Product } from '../support/product.ts'
import { createKey, until } from './support/gateway.ts'
import { countRepeated, flood, floodBytes, floodEnvironment, memoryOf, mostGrowth, runningCalls, watchStalled } from './support/slow-reader.ts'

let product: Product
test.before(async () => { product = await startProduct({ engines: 'shared', latency: 5, workerCount: 0, env: floodEnvironment }) })
test.after.always(async () => { await product?.stop() })
test.beforeEach(() => { product.simulator.reset() })

async function connect (t: ExecutionContext): Promise<WebSocket> {
  const { key } = await createKey(product)
  const socket = new WebSocket(`${product.stack.apiUrl.replace('http', 'ws')}/api/v1/chat/stream`, { headers: { authorization: `Bearer ${key}` } })
  t.teardown(() => { socket.terminate() })
  await once(socket, 'open')
  return socket
}

const request = (id: string, content: string): string => JSON.stringify({ type: 'request', id, body: { model: 'sim-fast', messages: [{ role: 'user', content }] } })

/** All messages of a request, until it is done. */
async function readAll (socket: WebSocket, id: string): Promise<string[]> {
  const messages: string[] = []
  await new Promise<void>((resolve, reject) => {
    socket.on('message', data => {
      const text = String(data)
      // what cannot be read has no id
      if (text.startsWith('{"type":"error"')) reject(new Error(text))
      if (!text.includes(`"id":"${id}"`)) return
      messages.push(text)
      if (text.startsWith('{"type":"done"')) resolve()
    })
    socket.once('close', () => { reject(new Error('closed')) })
  })
  return messages
}

test.serial('a message of 3 MB is read, in a thread, by the api as it is compiled', async t => {
  const socket = await connect(t)
  socket.send(request('large', 'All work and no play makes a dull day. '.repeat(80_000)))
  t.true((await readAll(socket, 'large')).length > 1)
})

test.serial('a socket whose client stops reading stops its provider, costs the api no memory, and carries everything when the client reads on', async t => {
  const socket = await connect(t)
  const startedAt = performance.now()
  socket.send(request('whole', flood))
  const whole = await readAll(socket, 'whole')
  const tookWhole = performance.now() - startedAt

  const before = memoryOf(product)
  socket.pause()
  socket.send(request('slow', flood))
  const { running, growth } = await watchStalled(product, before, tookWhole)
  t.log({ whole: `${Math.round(tookWhole)} ms`, grown: `${Math.round(growth / 1024 / 1024)} MiB of a stream of ${floodBytes / 1024 / 1024}` })
  t.is(running, 1, 'the provider could not send on')
  t.true(growth < mostGrowth, `${growth} bytes`)

  const reading = readAll(socket, 'slow')
  socket.resume()
  const slow = await reading
  t.is(slow.length, whole.length, 'as many as when it is read at once')
  t.is(countRepeated(slow), countRepeated(whole))
  t.is(runningCalls(product), 0)
})

test.serial('a client that asks on and reads none of the answers is cut off before they take more memory than their bound', async t => {
  const socket = await connect(t)
  const before = memoryOf(product)
  socket.pause()
  let most = 0
  let sent = 0
  const closed = once(socket, 'close')
  // a refusal names the field at fault
  const nonsense = JSON.stringify({ type: 'request', id: 'a', body: { model: 'sim-fast', messages: [{ role: 'user', content: 'Hi' }], logit_bias: { ['x'.repeat(10_000)]: 'much' } } })
  await until('the cut', 60_000, async () => {
    most = Math.max(most, memoryOf(product))
    // no faster than they are taken
    if (socket.bufferedAmount < 1024 * 1024) for (let count = 0; count < 100; count++, sent++) socket.send(nonsense)
    return socket.readyState
  }, state => state === socket.CLOSED)
  const [code] = await closed as [number]
  t.log({ messages: sent, grown: `${Math.round((most - before) / 1024 / 1024)} MiB` })
  t.is(code, 1006, 'without a goodbye, which could not be read')
  t.true(most - before < 256 * 1024 * 1024, `${most - before} bytes`)
  await t.notThrowsAsync(connect(t), 'others are served')
})
