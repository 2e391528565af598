import type { Static } from '@fastify/type-provider-typebox'
import { createBatchIndexer } from '../../../../../lib/batch-input/index-batch-input.ts'
import type { FileIndex } from '../../../../../lib/contracts/batch-input.ts'
import type { CreateNativeBatch } from './schema.ts'

type Body = Static<typeof CreateNativeBatch>

/** Of a line in bytes, and of rows. */
export interface InputLimits { readonly maxLineBytes: number, readonly maxRows: number }

/** An input file and what indexing it found. */
export interface RenderedInput { readonly lines: Uint8Array<ArrayBuffer>, readonly index: FileIndex }

/** Inline requests as the input file that they stand for, so that there is one way for a batch to run. */
export function renderInput (endpoint: Body['endpoint'], requests: NonNullable<Body['requests']>, limits: InputLimits): RenderedInput {
  const text = requests.map(row => JSON.stringify({ custom_id: row.custom_id, method: 'POST', url: endpoint, body: row.body }) + '\n').join('')
  const lines = new TextEncoder().encode(text)
  const indexer = createBatchIndexer(limits)
  indexer.write(Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength))
  return { lines, index: indexer.finish() }
}
