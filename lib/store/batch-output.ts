import { batchRequestId } from '../ids.ts'
import type { Queryable } from './database.ts'

export type RowFilter = 'ok' | 'error' | 'all'

const filters: Readonly<Record<RowFilter, string>> = { ok: "AND state = 'ok'", error: "AND state <> 'ok'", all: '' }

/** Rows of one page when everything is read. */
const PAGE_ROWS = 2_000
/** Bytes of answers after which a page ends; the row that passes it is still in. Answers of any size must not fill the memory. */
const PAGE_BYTES = 8 * 1024 * 1024

export interface OutputPage {
  /** Output lines, each with its line feed. */
  readonly text: string
  /** The input line of the last one. */
  readonly last: number
}

/**
 * A page of output lines in the order of the input, behind line `after`; null when there are none. The caller has
 * checked who owns the batch.
 *
 * Lines are OpenAI's: an answer of the provider, good or bad, is in `response`; a row that never got one says why in
 * `error`. Postgres writes them, with the provider's body as it came: 50,000 rows took 2 s when JavaScript did.
 */
export async function readOutputPage (database: Queryable, batchId: string, options: { filter: RowFilter, after: number, limit: number }): Promise<OutputPage | null> {
  const { rows } = await database.query<{ text: string | null, last: number }>(
    `SELECT max(line) AS last, string_agg(
       '{"id":"' || $4 || line || '","custom_id":' || to_json(custom_id) ||
       CASE WHEN status_code IS NOT NULL AND body IS NOT NULL
         THEN ',"response":{"status_code":' || status_code || ',"request_id":' || coalesce(to_json(request_id)::text, 'null') || ',"body":' || body || '},"error":null}'
         ELSE ',"response":null,"error":{"code":' || coalesce(to_json(error_code)::text, 'null') || ',"message":' || coalesce(to_json(error_message)::text, 'null') || '}}'
       END || E'\\n', '' ORDER BY line) AS text
     FROM (
       SELECT *, sum(coalesce(octet_length(body), 0)) OVER (ORDER BY line) - coalesce(octet_length(body), 0) AS bytes_before FROM (
         SELECT line, custom_id, status_code, request_id, error_code, error_message, body FROM batch_row
         WHERE batch_id = $1 AND line > $2 ${filters[options.filter]} ORDER BY line LIMIT $3
       ) AS candidate
     ) AS page WHERE bytes_before < ${PAGE_BYTES}`,
    [batchId, options.after, options.limit, batchRequestId(batchId, '')])
  const row = rows[0]
  return row?.text == null ? null : { text: row.text, last: row.last }
}

/** Whether there are output lines behind one. */
export async function hasOutputAfter (database: Queryable, batchId: string, filter: RowFilter, after: number): Promise<boolean> {
  const { rows } = await database.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM batch_row WHERE batch_id = $1 AND line > $2 ${filters[filter]}) AS found`, [batchId, after])
  return rows[0]!.found
}

/** All output lines behind line `from`, a page at a time; the next page is read while one is being used. */
export async function * streamOutput (database: Queryable, batchId: string, filter: RowFilter, from = 0): AsyncGenerator<OutputPage> {
  const read = async (after: number): Promise<OutputPage | null> => await readOutputPage(database, batchId, { filter, after, limit: PAGE_ROWS })
  let page = await read(from)
  while (page !== null) {
    const next = read(page.last)
    next.catch(() => {}) // it is awaited below, unless the reader leaves first
    yield page
    page = await next
  }
}
