import { setTimeout as sleep } from 'node:timers/promises'
import { toFile } from 'openai'
import type { Batch } from 'openai/resources/batches'
import type { TestApi } from './api.ts'

export interface InputRow { custom_id: string, method: string, url: string, body: Record<string, unknown> }

/** A valid row of a chat batch. */
export function chatRow (customId: string, { prompt = 'hello', ...body }: { prompt?: string } & Record<string, unknown> = {}): InputRow {
  return { custom_id: customId, method: 'POST', url: '/v1/chat/completions', body: { model: 'sim-instant', messages: [{ role: 'user', content: prompt }], ...body } }
}

export function jsonLines (rows: readonly object[]): string {
  return rows.map(row => JSON.stringify(row) + '\n').join('')
}

export async function uploadInput (api: TestApi, content: string | Buffer, key = api.key): Promise<string> {
  const { id } = await api.openai(key).files.create({ file: await toFile(Buffer.from(content), 'input.jsonl'), purpose: 'batch' })
  return id
}

export interface StreamMessage { readonly id: number, readonly event: string, readonly data: { readonly [name: string]: unknown } }

/** What the job's event stream tells from its beginning to its end. Resolves when the job is terminal, rejects after `deadline` ms. */
export async function followJob (api: TestApi, id: string, { key = api.key, deadline = 20_000 } = {}): Promise<StreamMessage[]> {
  const response = await fetch(`${api.url}/api/v1/jobs/${id}/events`, { headers: { authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(deadline) })
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
  return (await response.text()).split('\n\n').filter(block => block.includes('\ndata: ')).map(block => {
    const fields = new Map(block.split('\n').map(line => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]))
    return { id: Number(fields.get('id')), event: fields.get('event')!, data: JSON.parse(fields.get('data')!) as StreamMessage['data'] }
  })
}

/** Creates a batch over the content, waits for its end, and reads it as the OpenAI SDK does. */
export async function runBatch (api: TestApi, content: string | Buffer, endpoint: Batch['endpoint'] = '/v1/chat/completions'): Promise<Batch> {
  const { id } = await api.openai().batches.create({ input_file_id: await uploadInput(api, content), endpoint: endpoint as '/v1/chat/completions', completion_window: '24h' })
  await followJob(api, id)
  return await api.openai().batches.retrieve(id)
}

export interface OutputLine {
  readonly id: string
  readonly custom_id: string
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a provider's body
  readonly response: { readonly status_code: number, readonly request_id: string, readonly body: any } | null
  readonly error: { readonly code: string, readonly message: string } | null
}

/** An output or error file; none = no lines. */
export async function readOutput (api: TestApi, fileId: string | null | undefined): Promise<OutputLine[]> {
  if (fileId == null) return []
  return parseLines(await (await api.openai().files.content(fileId)).text())
}

export function parseLines (text: string): OutputLine[] {
  return text.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as OutputLine)
}

/** Asks every 20 ms until the answer is yes; rejects after 10 s. For what nothing announces. */
export async function waitFor (check: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000
  while (!await check()) {
    if (performance.now() > end) throw new Error(`Waited 10 s in vain for: ${check.toString()}`)
    await sleep(20)
  }
}
