import { once } from 'node:events'
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { startTime } from '../../local/processes.ts'
import { startProduct, type Product } from '../support/product.ts'
import { administer, createKey, readUsage, until } from './support/gateway.ts'
import { readLog, servedBy } from './support/process-log.ts'
import { makeRows, sendBatch } from './support/rows.ts'
import { subscribeJob } from './support/subscribe.ts'

let product: Product
test.before(async () => {
  product = await startProduct({ engines: 'shared', latency: 20, workerCount: 1, env: { SIRA_API_PROCESSES: '2', LOG_LEVEL: 'debug' } }) // which process served a request stands in the log
})
test.after.always(async () => { await product?.stop() })

interface Asked { readonly id: string, readonly status: number | null, readonly code: string, readonly startedAt: number }

/** A request on a connection that `agent` keeps, so that it stays with one process; status null = no answer within 5 s, or the connection broke. */
async function ask (key: string, agent: Agent, path = '/v1/chat/completions', content = 'Say hello'): Promise<Asked & { text: string }> {
  const startedAt = performance.now()
  const isChat = path.startsWith('/v1')
  const request = httpRequest(product.stack.apiUrl + path, {
    agent, method: isChat ? 'POST' : 'GET', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, signal: AbortSignal.timeout(5_000)
  })
  let text = ''
  try {
    request.end(isChat ? JSON.stringify({ model: 'sim-fast', messages: [{ role: 'user', content }], max_tokens: 30 }) : undefined)
    const [response] = await once(request, 'response') as [IncomingMessage]
    for await (const piece of response.setEncoding('utf8')) text += piece as string
    return { id: String(response.headers['x-request-id']), status: response.statusCode!, code: '', startedAt, text }
  } catch (error) {
    return { id: '', status: null, code: String((error as { code?: unknown }).code ?? error), startedAt, text }
  }
}

interface Connections { readonly agents: Agent[], readonly byProcess: ReadonlyMap<number, readonly Agent[]>, close: () => void }

/** Connections to both processes, `each` to either; which one takes a connection is not ours to say, but it keeps it. */
async function connectBoth (each: number): Promise<Connections> {
  const byProcess = new Map<number, Agent[]>()
  const all: Agent[] = []
  await until('connections to two processes', 90_000, async () => {
    const made = Array.from({ length: 4 }, () => new Agent({ keepAlive: true, maxSockets: 1 }))
    all.push(...made)
    const asked = await Promise.all(made.map(async agent => await ask(product.stack.apiKey, agent)))
    const log = servedBy(product)
    asked.forEach(({ id, status }, index) => {
      const pid = log.get(id)
      if (status !== 200 || pid === undefined || startTime(pid) === null) return
      byProcess.set(pid, [...byProcess.get(pid) ?? [], made[index]!].slice(0, each))
    })
    return [...byProcess.values()].filter(agents => agents.length === each).length
  }, processes => processes === 2)
  return { agents: [...byProcess.values()].flat(), byProcess, close: () => { for (const agent of all) agent.destroy() } }
}

/** A client for each connection, asking until told to stop. */
function keepAsking (key: string, { agents, close }: Connections): { readonly clients: Asked[][], stop: () => Promise<void> } {
  const clients = agents.map((): Asked[] => [])
  let over = false
  const done = Promise.all(agents.map(async (agent, client) => {
    // eslint-disable-next-line no-unmodified-loop-condition -- stop() ends it
    while (!over) {
      clients[client]!.push(await ask(key, agent))
      await sleep(10)
    }
  }))
  return {
    clients,
    async stop () {
      over = true
      await done
      close()
    }
  }
}

const answered = (requests: readonly Asked[]): Asked[] => requests.filter(({ status }) => status === 200)

test.serial('two processes serve one port, and either tells the metrics of both', async t => {
  const { key } = await createKey(product)
  const { agents, byProcess, close } = await connectBoth(6)
  t.false(byProcess.has(product.stack.pid('api')!), 'the first process serves nothing itself')
  const asked = await Promise.all(agents.map(async agent => await ask(key, agent)))
  t.is(answered(asked).length, 12)
  const tellers = await Promise.all(agents.map(async agent => await ask(product.stack.adminKey, agent, '/metrics')))
  close()
  t.deepEqual([...new Set(tellers.map(({ status }) => status))], [200])
  const log = servedBy(product)
  t.is(new Set(tellers.map(({ id }) => log.get(id))).size, 2, 'both were asked')
  const totals = tellers.map(({ text }) => [...text.matchAll(/^sira_requests_total\{.*\} (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0))
  t.is(new Set(totals).size, 1, 'all tell the same')
  t.true(totals[0]! > 24)
  await until('each request that was counted is in the books', 10_000, async () => (await readUsage(product)).length, rows => rows === totals[0])
})

test.serial('a limit of requests a minute holds over the processes of one port', async t => {
  const { key } = await createKey(product, { limits: { requests_per_minute: 200 } })
  await until('a minute with enough left of it', 30_000,
    async () => (await product.pool.query<{ second: number }>('SELECT extract(second FROM clock_timestamp())::float8 AS second')).rows[0]!.second, second => second < 40)
  const { clients, stop } = keepAsking(key, await connectBoth(6))
  await until('refusals', 15_000, async () => clients.every(own => own.filter(({ status }) => status === 429).length >= 3), done => done)
  await stop()
  const log = servedBy(product)
  const all = clients.flat()
  const admitted = answered(all)
  const span = Math.max(...all.map(({ startedAt }) => startedAt)) - Math.min(...all.map(({ startedAt }) => startedAt))
  t.log({ admitted: admitted.length, refused: all.length - admitted.length, span, warnings: readLog(product).filter(({ msg }) => msg?.startsWith('limits')) })
  t.deepEqual([...new Set(all.map(({ status }) => status))].sort(), [200, 429])
  t.is(new Set(admitted.map(({ id }) => log.get(id))).size, 2)
  t.true(Math.abs(admitted.length - 200) <= 2, `${admitted.length} admitted`)
})

test.serial('a revoked key is refused by every process of one port within a second', async t => {
  const { id, key } = await createKey(product)
  const both = await connectBoth(5)
  const { clients, stop } = keepAsking(key, both)
  await until('answers', 5_000, async () => clients.every(own => answered(own).length > 3), done => done)
  await administer(product, 'DELETE', `/keys/${id}`)
  const revokedAt = performance.now()
  await until('each is refused', 5_000, async () => clients.every(own => own.at(-1)?.status === 401), done => done)
  await stop()
  const log = servedBy(product)
  const all = clients.flat()
  t.deepEqual([...new Set(all.map(({ status }) => status))].sort(), [200, 401])
  for (const pid of both.byProcess.keys()) {
    const own = all.filter(request => log.get(request.id) === pid)
    const last = Math.max(...answered(own).map(({ startedAt }) => startedAt))
    t.log(`${Math.round(last - revokedAt)} ms`)
    t.true(own.some(({ status }) => status === 401) && last - revokedAt <= 1_000)
  }
})

test.serial('a process that is killed is replaced, no request of the other fails, and what it had answered is in the books', async t => {
  const { id: keyId, key } = await createKey(product)
  const both = await connectBoth(8)
  const [victim, other] = [...both.byProcess.keys()]
  const { clients, stop } = keepAsking(key, both)
  await until('answers', 10_000, async () => clients.every(own => answered(own).length > 3), done => done)
  process.kill(victim!, 'SIGKILL')
  const killedAt = performance.now()
  const after = await connectBoth(1)
  after.close()
  const replacedAt = performance.now()
  await until('answers of all', 10_000, async () => clients.every(own => answered(own).some(({ startedAt }) => startedAt > replacedAt)), done => done)
  await stop()
  t.true(after.byProcess.has(other!) && !after.byProcess.has(victim!))
  t.true(readLog(product).some(({ msg, pid }) => msg === 'api process ended; another is started' && pid === product.stack.pid('api')))
  const log = servedBy(product)
  const failed = clients.map(own => own.filter(({ status }) => status !== 200))
  let ofOther = 0
  for (const [client, own] of clients.entries()) {
    const before = own.findLast(({ startedAt, status }) => status === 200 && startedAt < killedAt)!
    if (log.get(before.id) === other) {
      ofOther += 1
      t.deepEqual(failed[client], [], 'its connection is with the other process')
    } else t.true(failed[client]!.length <= 2, `${failed[client]!.length} failed: the one under way, and at most one whose connection the dead one was given`)
  }
  t.log({ replaced: `${Math.round(replacedAt - killedAt)} ms`, clientsOfTheOther: ofOther, failed: failed.flat().map(({ code, startedAt }) => `${code} ${Math.round(startedAt - killedAt)} ms`) })
  t.true(ofOther > 0 && ofOther < clients.length)
  const ids = answered(clients.flat()).map(({ id }) => id)
  const rows = await until('usage of the dead one too', 40_000, async () => (await readUsage(product)).filter(row => row.key_id === keyId), rows => ids.every(id => rows.some(row => row.id === id)))
  t.is(new Set(rows.map(({ id }) => id)).size, rows.length, 'none is there twice')
})

for (const whole of [false, true]) {
  test.serial(`SIGTERM to ${whole ? 'every process at once, as a service manager sends it,' : 'the first process'} lets all requests under way end in all of them`, async t => {
    const { key } = await createKey(product)
    const { agents, byProcess, close } = await connectBoth(5)
    const pids = [...byProcess.keys()]
    const main = product.stack.pid('api')!
    const under = Promise.all(agents.map(async (agent, place) => await ask(key, agent, '/v1/chat/completions', `[[sim:delay=2000]] ${whole} ${place}`)))
    await until('all are under way', 5_000, async () => product.simulator.stats().running, running => running === 10)
    const lines = readLog(product).length
    const draining = (): number[] => readLog(product).slice(lines).filter(({ msg }) => msg === 'api draining').map(({ pid }) => pid)
    if (whole) {
      // of two signals that are both pending a process sees one
      for (const pid of pids) process.kill(pid, 'SIGTERM')
      await until('all have had theirs', 5_000, async () => draining().length, count => count === pids.length)
    }
    const replaced = product.stack.kill('api', 'SIGTERM')
    const asked = await under
    close()
    t.deepEqual(asked.map(({ status, code }) => `${status} ${code}`), Array.from({ length: 10 }, () => '200 '))
    await replaced
    for (const pid of [main, ...pids]) t.is(startTime(pid), null, 'all have ended')
    t.deepEqual(draining().sort(), pids.sort(), 'each drained once')
  })
}

test.serial('Socket.IO and chat sockets are served by whichever process takes them, and long polling is refused', async t => {
  const polled = await fetch(`${product.stack.apiUrl}/socket.io/?EIO=4&transport=polling`)
  t.is(polled.status, 400, 'rather than now and then')
  t.regex(await polled.text(), /Transport unknown/)

  const batch = await sendBatch(product.user, makeRows(40))
  const subscriptions = Array.from({ length: 6 }, () => subscribeJob(product.stack.apiUrl, product.stack.apiKey, batch))
  t.teardown(() => { for (const { close } of subscriptions) close() })
  await until('all see the end', 30_000, async () => subscriptions.map(({ messages }) => messages.at(-1)?.state), states => states.every(state => state === 'succeeded'))
  for (const { connections: count, messages } of subscriptions) {
    t.is(count(), 1)
    t.is(messages.at(-1)!.counts.succeeded, 40)
  }
})
