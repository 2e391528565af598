import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client, Connection, type WorkflowExecutionInfo } from '@temporalio/client'
import { batchWorkflowId } from '../lib/contracts/workflows.ts'
import { connectSocket, uploadInput } from './support/client.ts'
import { writeInput } from './support/input-file.ts'
import { readOptions } from './support/options.ts'
import { startPlainLoop } from './support/plain-loop.ts'
import { residentBytes, watchMemory } from './support/process-usage.ts'
import { formatReport, whole } from './support/report.ts'
import { runBatch, runLoop, type Work } from './support/runs.ts'
import { pidOf, runBench, type Bench } from './support/stack.ts'

// What a large upload and a large batch cost in memory and in Temporal history. No latency: the most rows a second.
const options = readOptions({ rows: 100_000, latency: 0, 'in-flight': 256, 'upload-megabytes': 200, 'upload-rows': 50_000 })
const maxRows = Math.max(options.rows, options['upload-rows'], 1)

await runBench({ inFlight: options['in-flight'], minutes: 10, env: { SIRA_BATCH_MAX_ROWS: String(maxRows) } }, async bench => {
  const upload = await measureUpload(bench)
  const inputPath = join(bench.folder, 'input.jsonl')
  await writeInput(inputPath, options.rows)
  const work: Work = { rows: options.rows, latency: options.latency, inputPath, inputFileId: await uploadInput(bench, inputPath) }

  const workerIdle = residentBytes(pidOf(bench, 'worker'))
  const worker = watchMemory(pidOf(bench, 'worker'))
  const { batch, seconds } = await runBatch(bench, await connectSocket(bench), work)
  const workerPeak = worker.end()
  const loop = startPlainLoop(bench.simulator.url, options['in-flight'])
  const loopMemory = watchMemory(loop.pid)
  await runLoop(bench, loop, work)
  const loopPeak = loopMemory.end()
  const history = await historyLengths(bench, batch.id)

  return formatReport([
    {
      measure: `${whole(options.rows)} rows at ${options.latency} ms, ${options['in-flight']} in flight: most worker RSS (${whole(options.rows / seconds)} rows/s)`,
      baseline: `${megabytes(loopPeak)} (plain loop), ${megabytes(workerIdle)} (worker before)`,
      sira: megabytes(workerPeak),
      budget: { limit: 400, value: workerPeak / 1e6 }
    },
    {
      measure: 'Temporal history of each run',
      baseline: `${Math.ceil(options.rows / 500)} chunks or more`,
      sira: history.map(length => `${whole(length)} events`).join(', '),
      budget: { limit: 4096, value: Math.max(...history) }
    },
    {
      measure: `upload of ${megabytes(upload.bytes)} in ${whole(options['upload-rows'])} rows: most api RSS (${upload.seconds.toFixed(1)} s)`,
      baseline: `${megabytes(upload.before)} (api before)`,
      sira: megabytes(upload.peak),
      budget: { limit: 250, value: upload.peak / 1e6 }
    }
  ])
})

async function measureUpload (bench: Bench): Promise<{ bytes: number, seconds: number, before: number, peak: number }> {
  const path = join(bench.folder, 'large.jsonl')
  await writeInput(path, options['upload-rows'], Math.ceil(options['upload-megabytes'] * 1e6 / options['upload-rows']))
  const before = residentBytes(pidOf(bench, 'api'))
  const memory = watchMemory(pidOf(bench, 'api'))
  const started = performance.now()
  await uploadInput(bench, path)
  const seconds = (performance.now() - started) / 1000
  return { bytes: (await stat(path)).size, seconds, before, peak: memory.end() }
}

/** Events of every run of the batch's workflow, as the visibility store has them once the last run is closed. */
async function historyLengths ({ stack }: Bench, batchId: string): Promise<number[]> {
  const connection = await Connection.connect({ address: stack.temporalAddress, connectTimeout: 5000 })
  const { workflow } = new Client({ connection })
  try {
    for (const end = performance.now() + 10_000; performance.now() < end; await delay(100)) {
      const runs: WorkflowExecutionInfo[] = []
      for await (const run of workflow.list({ query: `WorkflowId = '${batchWorkflowId(batchId)}'` })) runs.push(run)
      // a run that went on as another one is never the last
      if (runs.some(run => run.status.name === 'COMPLETED') && runs.every(run => run.status.name !== 'RUNNING')) return runs.map(run => run.historyLength)
    }
    throw new Error('The workflow is not closed 10 s after its batch')
  } finally {
    await connection.close()
  }
}

function megabytes (bytes: number): string { return `${Math.round(bytes / 1e6)} MB` }
