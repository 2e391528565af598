/** A finished row, in the fields an output line is made of. */
export interface OutputRow {
  readonly line: number
  readonly customId: string
  readonly statusCode: number | null
  readonly requestId: string | null
  readonly errorCode: string | null
  readonly errorMessage: string | null
  /** JSON text on one line. */
  readonly body: string | null
}

/**
 * One line of an output or error file, in OpenAI's format: an answer of the provider, good or bad, is in `response`;
 * a row that never got one says why in `error`. The provider's body goes in as it came, without being parsed again.
 */
export function formatOutputLine (id: string, row: OutputRow): string {
  const customId = JSON.stringify(row.customId)
  if (row.statusCode !== null && row.body !== null) {
    return `{"id":"${id}","custom_id":${customId},"response":{"status_code":${row.statusCode},"request_id":${JSON.stringify(row.requestId)},"body":${row.body}},"error":null}\n`
  }
  return `{"id":"${id}","custom_id":${customId},"response":null,"error":${JSON.stringify({ code: row.errorCode, message: row.errorMessage })}}\n`
}
