import { toFile } from 'openai'
import type { User } from '../../support/product.ts'
import type { Model } from './prices.ts'

/** A row of an input file; `line` is 1-based. */
export interface InputRow {
  readonly line: number
  readonly customId: string
  readonly model: Model
  /** Markers for the simulator, such as `[[sim:400]]`. */
  readonly marker: string
}

/** `count` rows with prompts of their own; every fifth goes to a model with cached and reasoning tokens. */
export function makeRows (count: number, marker: (line: number) => string = () => ''): InputRow[] {
  return Array.from({ length: count }, (_, index) => {
    const line = index + 1
    return { line, customId: `row-${line}`, model: line % 5 === 0 ? 'sim-reasoning' : 'sim-fast', marker: marker(line) }
  })
}

export function bodyOf (row: InputRow): Record<string, unknown> {
  return { model: row.model, messages: [{ role: 'user', content: `Say something about ${row.customId}.${row.marker}` }], max_tokens: 20 }
}

/** Uploads the rows as a batch input file; returns its id. */
export async function uploadRows (user: User, rows: readonly InputRow[]): Promise<string> {
  const lines = rows.map(row => JSON.stringify({ custom_id: row.customId, method: 'POST', url: '/v1/chat/completions', body: bodyOf(row) }) + '\n')
  const file = await user.openai.files.create({ file: await toFile(Buffer.from(lines.join('')), 'rows.jsonl'), purpose: 'batch' })
  return file.id
}

/** Sends the rows as an OpenAI batch; returns its id. */
export async function sendBatch (user: User, rows: readonly InputRow[]): Promise<string> {
  const batch = await user.openai.batches.create({ input_file_id: await uploadRows(user, rows), endpoint: '/v1/chat/completions', completion_window: '24h' })
  return batch.id
}
