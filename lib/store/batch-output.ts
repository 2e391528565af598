import { batchRequestId } from '../ids.ts'
import type { Queryable } from './database.ts'

export type RowFilter = 'ok' | 'error' | 'all'

const filters: Readonly<Record<RowFilter, string>> = { ok: "AND state = 'ok'", error: "AND state <> 'ok'", all: '' }

/** Rows of one page when everything is read. */
const PAGE_ROWS = 2_000
/**
 * Input lines that one query looks at, and the most when it found nothing there. Without this bound Postgres, whose
 * statistics know nothing of a batch made just now, sorts all the rest of it for every page.
 */
const WINDOW = 2_000
const WIDEST_WINDOW = 1_000_000
/** Bytes of answers after which a page ends; the row that passes it is still in. Answers of any size must not fill the memory. */
const PAGE_BYTES = 8 * 1024 * 1024

export interface OutputPage {
  /** Output lines, each with its line feed. */
  readonly text: string
  /** The input line of the last one. */
  readonly last: number
}

interface WindowRow { text: string | null, last: number | null, complete: boolean }

/*
 * Lines are OpenAI's: an answer of the provider, good or bad, is in `response`; a row that never got one says why in
 * `error`. Postgres writes them, with the provider's body as it came: 50,000 rows took 2 s when JavaScript did.
 * `complete` = nothing of the window was left out.
 */
async function readWindow (database: Queryable, batchId: string, filter: RowFilter, { after, upTo, limit }: { after: number, upTo: number, limit: number }): Promise<WindowRow> {
  const { rows } = await database.query<WindowRow>(
    `SELECT max(line) FILTER (WHERE fits) AS last, count(*) FILTER (WHERE fits) = count(*) AND count(*) < $4 AS complete, string_agg(
       '{"id":"' || $5 || line || '","custom_id":' || to_json(custom_id) ||
       CASE WHEN status_code IS NOT NULL AND body IS NOT NULL
         THEN ',"response":{"status_code":' || status_code || ',"request_id":' || coalesce(to_json(request_id)::text, 'null') || ',"body":' || body || '},"error":null}'
         ELSE ',"response":null,"error":{"code":' || coalesce(to_json(error_code)::text, 'null') || ',"message":' || coalesce(to_json(error_message)::text, 'null') || '}}'
       END || E'\n', '' ORDER BY line) FILTER (WHERE fits) AS text
     FROM (
       SELECT *, sum(coalesce(octet_length(body), 0)) OVER (ORDER BY line) - coalesce(octet_length(body), 0) < ${PAGE_BYTES} AS fits FROM (
         SELECT line, custom_id, status_code, request_id, error_code, error_message, body FROM batch_row
         WHERE batch_id = $1 AND line > $2 AND line <= $3 ${filters[filter]} ORDER BY line LIMIT $4
       ) AS candidate
     ) AS page`,
    [batchId, after, upTo, limit, batchRequestId(batchId, '')])
  return rows[0]!
}

/**
 * Output lines behind line `from` in the order of the input, a page of at most `limit` at a time, as they are when it
 * begins; the next page is read while one is being used. The caller has checked who owns the batch.
 */
export async function * streamOutput (database: Queryable, batchId: string, filter: RowFilter, { from = 0, limit = PAGE_ROWS } = {}): AsyncGenerator<OutputPage> {
  const { rows } = await database.query<{ line: number | null }>('SELECT max(line) AS line FROM batch_row WHERE batch_id = $1', [batchId])
  const lastLine = rows[0]!.line ?? 0
  let page = await find(from)
  while (page !== null) {
    const next = find(page.end)
    next.catch(() => {}) // it is awaited below, unless the reader leaves first
    yield page
    page = await next
  }

  /** The first page behind a line, and the line up to which it tells everything. */
  async function find (after: number): Promise<OutputPage & { end: number } | null> {
    for (let window = WINDOW; after < lastLine; window = Math.min(window * 4, WIDEST_WINDOW)) {
      const upTo = Math.min(after + window, lastLine)
      const { text, last, complete } = await readWindow(database, batchId, filter, { after, upTo, limit })
      if (text !== null) return { text, last: last!, end: complete ? upTo : last! }
      after = upTo
    }
    return null
  }
}

/** Whether there are output lines behind one. */
export async function hasOutputAfter (database: Queryable, batchId: string, filter: RowFilter, after: number): Promise<boolean> {
  const { rows } = await database.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM batch_row WHERE batch_id = $1 AND line > $2 ${filters[filter]}) AS found`, [batchId, after])
  return rows[0]!.found
}
