import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Socket } from 'socket.io-client'
import { createBatch, follow, pollUntilCompleted, readOutput, type Batch } from './client.ts'
import type { PlainLoop } from './plain-loop.ts'
import { checkCalls, resetSimulator } from './simulator.ts'
import type { Bench } from './stack.ts'

export interface Work { readonly rows: number, readonly latency: number, readonly inputPath: string, readonly inputFileId: string }

export interface Run { readonly seconds: number, readonly mostInFlight: number }

/**
 * Runs the loop over the input, which it reads itself. Throws unless every row was called once and is in the output once.
 * `onCompleted` is called at the end of the measured time, before that is checked.
 */
export async function runLoop (bench: Bench, loop: PlainLoop, work: Work, onCompleted: () => void = () => {}): Promise<Run> {
  await resetSimulator(bench, work.latency)
  const output = join(bench.folder, 'loop-output.jsonl')
  const seconds = await timed(async () => { await loop.run({ input: work.inputPath, output }) })
  onCompleted()
  checkOutput(await readFile(output, 'utf8'), work.rows)
  return { seconds, mostInFlight: await checkCalls(bench, work.rows) }
}

/**
 * The same for a batch over the uploaded input. Time: from before `POST /v1/batches` until a client reads the status
 * `completed`: it follows by Socket.IO, and when nine rows of ten are done asks every 20 ms.
 */
export async function runBatch (bench: Bench, socket: Socket, work: Work, onCompleted: () => void = () => {}): Promise<Run & { batch: Batch }> {
  await resetSimulator(bench, work.latency)
  let batch: Batch | undefined
  const seconds = await timed(async () => {
    const { id } = await createBatch(bench, work.inputFileId)
    await follow(socket, id, ({ counts }) => counts.succeeded + counts.failed >= 0.9 * work.rows)
    batch = await pollUntilCompleted(bench, id)
  })
  onCompleted()
  checkOutput(await readOutput(bench, batch!), work.rows)
  return { seconds, batch: batch!, mostInFlight: await checkCalls(bench, work.rows) }
}

function checkOutput (text: string, rows: number): void {
  const ids = text.trimEnd().split('\n').map(line => (JSON.parse(line) as { custom_id: string, response: { status_code: number } }).custom_id)
  if (ids.length !== rows || new Set(ids).size !== rows) throw new Error(`${rows} rows were expected, the output has ${ids.length} lines with ${new Set(ids).size} custom_ids`)
}

async function timed (work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}
