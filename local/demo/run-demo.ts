import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import OpenAI, { toFile } from 'openai'
import type { ProgressMessage } from '../../lib/contracts/jobs.ts'
import { followJob } from './follow-job.ts'
import { group, progressLine, shortUsd } from './progress-line.ts'
import { sampleBatch, sampleRows } from './sample-batch.ts'

export interface DemoOptions {
  readonly apiUrl: string
  readonly apiKey: string
  /** Where copies of the result files go. */
  readonly folder: string
  readonly print: (line: string) => void
  /** Shows a line in the place of the last one; null when the output is not a terminal. */
  readonly redraw: ((line: string) => void) | null
}

/** Sends the sample batch through the public API and follows it. Throws unless it completes and every row can be read. */
export async function runDemo (options: DemoOptions): Promise<void> {
  const { apiUrl, apiKey, folder, print } = options
  const openai = new OpenAI({ apiKey, baseURL: `${apiUrl}/v1` })
  print(`Sending a sample batch of ${group(sampleRows)} chat requests with the OpenAI SDK; a few are meant to fail.`)
  const file = await openai.files.create({ file: await toFile(Buffer.from(sampleBatch()), 'sample.jsonl'), purpose: 'batch' })
  const created = await openai.batches.create({ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' })
  print(`${file.id} → ${created.id}`)

  const started = performance.now()
  const last = await followJob(apiUrl, apiKey, created.id, progressPrinter(options))
  const seconds = (performance.now() - started) / 1000
  const batch = await openai.batches.retrieve(created.id)
  if (batch.status !== 'completed') throw new Error(`The batch ended ${batch.status}: ${JSON.stringify(batch.errors)}`)

  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const save = async (id: string | null | undefined, name: string): Promise<{ path: string, lines: number }> => {
    const path = join(folder, name)
    const text = id ? await (await openai.files.content(id)).text() : ''
    writeFileSync(path, text, { mode: 0o600 })
    return { path, lines: text.split('\n').filter(line => line !== '' && JSON.parse(line) !== null).length }
  }
  const output = await save(batch.output_file_id, 'output.jsonl')
  const errors = await save(batch.error_file_id, 'errors.jsonl')
  if (output.lines + errors.lines !== sampleRows) {
    throw new Error(`${output.lines} answers and ${errors.lines} errors came back for ${sampleRows} requests`)
  }

  print(`Completed in ${seconds.toFixed(1)} s: ${group(output.lines)} answered, ${group(errors.lines)} failed, $${shortUsd(last.cost)}.`)
  print('')
  print(`  output  ${batch.output_file_id}  ${output.path}`)
  print(`  errors  ${batch.error_file_id}  ${errors.path}`)
  print('')
  print('Try next:')
  for (const command of nextCommands(apiUrl, apiKey, batch.id, batch.error_file_id)) print(`  ${command}`)
}

function nextCommands (apiUrl: string, apiKey: string, batchId: string, errorFileId: string | null | undefined): string[] {
  const curl = `curl -sS -H 'Authorization: Bearer ${apiKey}'`
  const request = { custom_id: 'hello', body: { model: 'sim-fast', messages: [{ role: 'user', content: 'Hello' }] } }
  return [
    `${curl} ${apiUrl}/v1/batches/${batchId}`,
    `${curl} ${apiUrl}/v1/files/${errorFileId ?? ''}/content`,
    `${curl} ${apiUrl}/api/v1/batch -H 'Content-Type: application/json' -d '${JSON.stringify({ endpoint: '/v1/chat/completions', requests: [request] })}'`
  ]
}

/** A bar that is drawn again in a terminal; elsewhere a line every two seconds and at each change of state. */
function progressPrinter ({ print, redraw }: DemoOptions): (progress: ProgressMessage) => void {
  let printedAt = -Infinity
  let state = ''
  return progress => {
    if (redraw !== null) return redraw(progressLine(progress, 30))
    if (progress.state === state && performance.now() - printedAt < 2000) return
    printedAt = performance.now()
    state = progress.state
    print(progressLine(progress, 0))
  }
}
