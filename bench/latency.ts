import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Socket } from 'socket.io-client'
import type { EventMessage } from '../api/realtime/event-message.ts'
import type { ProgressMessage } from '../lib/contracts/jobs.ts'
import { isTerminal } from '../lib/domain/job-state.ts'
import { connectSocket, createBatch, follow, pollUntilCompleted, uploadInput } from './support/client.ts'
import { benchModel, runBench, type Bench } from './support/stack.ts'
import { writeInput } from './support/input-file.ts'
import { readOptions } from './support/options.ts'
import { formatReport, percentile } from './support/report.ts'
import { callTime, resetSimulator } from './support/simulator.ts'

// How soon a batch begins, and how soon a client hears of what happened. Times are unix ms: all processes share one clock.
const options = readOptions({ batches: 20, rows: 5_000, latency: 200, 'in-flight': 256 })
const smallBatch = 10
/** ms in which a stack that has just finished something comes to rest: outbox, slots and socket have timers of up to 500 ms. */
const rest = 1_000

await runBench({ inFlight: options['in-flight'], minutes: 5 }, async bench => {
  const socket = await connectSocket(bench)
  const direct = await repeat(async () => await directCall(bench))
  const eventDelays: number[] = []
  socket.on('event', (event: EventMessage) => { eventDelays.push(Date.now() - Date.parse(event.created_at)) })
  const input = await upload(bench, smallBatch)
  const starts = await repeat(async () => await startOf(bench, socket, input))
  const trips = await repeat(async () => await roundTrip(socket))
  const rowDelays = await delaysOfRows(bench, socket)
  const shown = (values: readonly number[]): string => `p50 ${percentile(values, 0.5).toFixed(0)} ms, p95 ${percentile(values, 0.95).toFixed(0)} ms`
  const accepted = starts.map(start => start.accepted)
  const called = starts.map(start => start.called)
  return formatReport([
    { measure: `idle stack: POST /v1/batches → first provider call, ${called.length} times`, baseline: `${shown(direct)} (a direct call)`, sira: shown(called), budget: { limit: 300, value: percentile(called, 0.5) } },
    { measure: 'of it until the answer to the POST', baseline: '', sira: shown(accepted) },
    { measure: `row saved → client told by Socket.IO, ${rowDelays.length} rows`, baseline: `${shown(trips)} (a message and its answer)`, sira: shown(rowDelays), budget: { limit: 250, value: percentile(rowDelays, 0.95) } },
    { measure: `event → client told by Socket.IO, ${eventDelays.length} events`, baseline: '', sira: shown(eventDelays), budget: { limit: 250, value: percentile(eventDelays, 0.95) } }
  ])
})

async function repeat<T> (measure: () => Promise<T>): Promise<T[]> {
  const results: T[] = []
  for (let number = 0; number < options.batches; number++) results.push(await measure())
  return results
}

async function upload (bench: Bench, rows: number): Promise<string> {
  const path = join(bench.folder, `${rows}-rows.jsonl`)
  await writeInput(path, rows)
  return await uploadInput(bench, path)
}

/** From here to the simulator without Sira. Also shows that both clocks agree: the call must be seen between its start and its end. */
async function directCall (bench: Bench): Promise<number> {
  await resetSimulator(bench, 0)
  const started = Date.now()
  const body = JSON.stringify({ model: benchModel, messages: [{ role: 'user', content: 'Hello' }] })
  await (await fetch(`${bench.simulator.url}/v1/chat/completions`, { method: 'POST', body })).text()
  const ended = Date.now()
  const seen = await callTime(bench, {})
  if (seen < started - 1 || seen > ended + 1) throw new Error(`The simulator's clock differs: its call at ${seen} was made from ${started} to ${ended}`)
  return Math.max(0, seen - started)
}

async function startOf (bench: Bench, socket: Socket, input: string): Promise<{ accepted: number, called: number }> {
  await resetSimulator(bench, 50)
  await delay(rest)
  const started = Date.now()
  const { id } = await createBatch(bench, input)
  const accepted = Date.now() - started
  await follow(socket, id, progress => isTerminal(progress.state))
  await pollUntilCompleted(bench, id)
  return { accepted, called: await callTime(bench, { batch: id }) - started }
}

async function roundTrip (socket: Socket): Promise<number> {
  const started = Date.now()
  await socket.timeout(5000).emitWithAck('unsubscribe', { job: 'batch_none' })
  return Date.now() - started
}

/**
 * For every row of a batch: from its `finished_at`, which is the start of the statement that saved it, until the first
 * progress that counts it came. Counts rise in the order in which rows are saved, one statement after the other.
 */
async function delaysOfRows (bench: Bench, socket: Socket): Promise<number[]> {
  await resetSimulator(bench, options.latency)
  const input = await upload(bench, options.rows)
  const told: Array<{ done: number, at: number }> = []
  const { id } = await createBatch(bench, input)
  await follow(socket, id, ({ counts, state }: ProgressMessage) => {
    told.push({ done: counts.succeeded + counts.failed, at: Date.now() })
    return isTerminal(state)
  })
  await pollUntilCompleted(bench, id)
  const client = new pg.Client({ connectionString: bench.stack.databaseUrl })
  await client.connect()
  try {
    const { rows } = await client.query<{ at: Date }>('SELECT finished_at AS at FROM batch_row WHERE batch_id = $1 ORDER BY finished_at, line', [id])
    if (rows.length !== options.rows) throw new Error(`${rows.length} rows were saved`)
    return rows.map(({ at }, index) => told.find(({ done }) => done > index)!.at - at.getTime())
  } finally {
    await client.end()
  }
}
