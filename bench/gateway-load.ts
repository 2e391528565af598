import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { chunkCount, longChunkCount, pacedChunkCount, requestBody, checkStream } from './support/gateway-wire.ts'
import type { LoadTarget, LoadOrder, LoadResult, Timing } from './support/gateway-load.ts'

/* Makes the calls of the gateway benchmark, and checks every answer. One order at a time; see support/gateway-load.ts. */
const pools = new Map<string, Pool>()

function poolOf (url: string): Pool {
  let pool = pools.get(url)
  if (pool === undefined) {
    pool = new Pool(url, { connections: 2_000, pipelining: 1, headersTimeout: 60_000, bodyTimeout: 60_000, keepAliveTimeout: 60_000 })
    pools.set(url, pool)
  }
  return pool
}

/** One call, checked. Throws for anything but a whole right answer. */
async function call ({ url, path, key, model }: LoadTarget, stream: boolean): Promise<Timing> {
  const startedAt = performance.now()
  let firstAt = 0
  let lastAt = 0
  let longestGap = 0
  const parts: Buffer[] = []
  const body = requestBody(model, stream)
  await new Promise<void>((resolve, reject) => {
    let status = 0
    poolOf(url).dispatch({ path, method: 'POST', headers: ['content-type', 'application/json', ...(key === null ? [] : ['authorization', `Bearer ${key}`])], body }, {
      onRequestStart () {},
      onResponseStart (_controller, statusCode) { status = statusCode },
      onResponseData (_controller, part) {
        const now = performance.now()
        if (firstAt === 0) firstAt = now
        else longestGap = Math.max(longestGap, now - lastAt)
        lastAt = now
        parts.push(part)
      },
      onResponseEnd () {
        if (status === 200) resolve()
        else reject(new Error(`status ${status}: ${Buffer.concat(parts).toString('utf8').slice(0, 500)}`))
      },
      onResponseError (_controller, error) { reject(error) }
    })
  })
  const endedAt = performance.now()
  const text = Buffer.concat(parts).toString('utf8')
  if (stream) checkStream(text, model === 'long' ? longChunkCount : model === 'paced' ? pacedChunkCount : chunkCount)
  else if (!text.includes('"total_tokens":190') || !text.endsWith('}')) throw new Error(`A wrong answer: ${text.slice(0, 300)}`)
  return { ms: endedAt - startedAt, firstMs: firstAt - startedAt, longestGapMs: longestGap }
}

/** So many calls, or as many as fit in a time, with a fixed number in flight. */
async function closed ({ target, stream, inFlight, calls, seconds }: Extract<LoadOrder, { kind: 'closed' }>): Promise<LoadResult> {
  const startedAt = performance.now()
  const endAt = startedAt + seconds * 1000
  let begun = 0
  const lane = async (): Promise<void> => {
    while (begun < calls && performance.now() < endAt) {
      begun += 1
      await call(target, stream)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
  return { answered: begun, seconds: (performance.now() - startedAt) / 1000, timings: [] }
}

/** `rate` calls a second to each target, in turn, whether or not the earlier ones are answered. */
async function open ({ targets, stream, rate, seconds }: Extract<LoadOrder, { kind: 'open' }>): Promise<LoadResult> {
  const timings: Timing[][] = targets.map(() => [])
  const calls: Array<Promise<void>> = []
  const startedAt = performance.now()
  for (let number = 0; number < rate * seconds * targets.length; number++) {
    const early = startedAt + number * 1000 / rate / targets.length - performance.now()
    if (early > 0) await sleep(early)
    const place = number % targets.length
    calls.push(call(targets[place]!, stream).then(timing => { timings[place]!.push(timing) }))
  }
  await Promise.all(calls)
  return { answered: calls.length, seconds: (performance.now() - startedAt) / 1000, timings }
}

/** Streams that are all open at once, begun over two seconds. */
async function streams ({ target, count }: Extract<LoadOrder, { kind: 'streams' }>): Promise<LoadResult> {
  const startedAt = performance.now()
  const timings = await Promise.all(Array.from({ length: count }, async (_, number) => {
    await sleep(2_000 * number / count)
    return await call(target, true)
  }))
  return { answered: count, seconds: (performance.now() - startedAt) / 1000, timings: [timings] }
}

async function run (order: LoadOrder): Promise<LoadResult> {
  if (order.kind === 'closed') return await closed(order)
  return order.kind === 'open' ? await open(order) : await streams(order)
}

process.on('message', order => {
  run(order as LoadOrder).then(result => process.send!(result), error => {
    console.error(error)
    process.exit(1)
  })
})
process.once('disconnect', () => process.exit())
