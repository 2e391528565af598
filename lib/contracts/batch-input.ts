/**
 * What one pass over a batch input file yields (table file_index). The pass runs while the file is uploaded, so that
 * creating a batch reads no input. Line numbers are physical and 1-based; blank lines are skipped but counted.
 */

/** A run of rows that one activity works: [byte offset, bytes, first line, rows]. At most 500 rows or 2 MiB (one row may be larger). */
export type Chunk = readonly [offset: number, bytes: number, firstLine: number, rows: number]

/** One fault of the input, as OpenAI's `errors.data[]`. */
export interface InputError {
  readonly code: InputErrorCode
  readonly message: string
  readonly param: string | null
  readonly line: number | null
}

export const inputErrorCodes = [
  'empty_file', 'too_many_rows', 'file_too_large', 'invalid_utf8', 'invalid_json_line', 'line_too_large',
  'missing_custom_id', 'duplicate_custom_id', 'invalid_custom_id', 'invalid_method', 'missing_url', 'invalid_url', 'missing_body',
  'missing_model', 'model_not_found', 'stream_not_supported', 'invalid_request', 'invalid_file_purpose', 'file_not_found'
] as const
export type InputErrorCode = typeof inputErrorCodes[number]

/** For each distinct value: how many rows carry it, and the first few lines, so that a later check can name them. */
export type Occurrences = Readonly<Record<string, { readonly count: number, readonly lines: readonly number[] }>>

export interface FileIndex {
  readonly rows: number
  readonly chunks: readonly Chunk[]
  readonly urls: Occurrences
  readonly models: Occurrences
  /** At most 100; errorCount is the whole number. */
  readonly errors: readonly InputError[]
  readonly errorCount: number
}

export const batchEndpoints = ['/v1/chat/completions', '/v1/embeddings', '/v1/completions', '/v1/responses', '/v1/moderations'] as const
export type BatchEndpoint = typeof batchEndpoints[number]
