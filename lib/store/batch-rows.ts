import type { Usage } from '../contracts/prices.ts'
import type { JobState } from '../domain/job-state.ts'
import type { Queryable } from './database.ts'

export type RowState = 'ok' | 'error' | 'expired' | 'cancelled' | 'unknown'

/** One row's terminal result, as an activity found it. */
export interface RowResult {
  readonly line: number
  readonly customId: string
  readonly state: RowState
  readonly statusCode: number | null
  readonly requestId: string | null
  /** Calls made for this row. */
  readonly attempts: number
  readonly errorCode: string | null
  readonly errorMessage: string | null
  /** The provider's answer or error body: JSON text on one line. */
  readonly body: string | null
  /** What has to be settled; null when nothing was paid. `moment`: when its money was reserved, ms since 1970. */
  readonly settlement: { readonly provider: string, readonly model: string, readonly usage: Usage, readonly cost: bigint | null, readonly moment: number } | null
}

/** The job as the same statement left it; null when it takes no more results, because it is finalising or over. */
export interface SaveOutcome {
  readonly state: JobState
  readonly seq: number
  readonly cancelRequested: boolean
  readonly cost: bigint
}

/*
 * One statement, so that a result, its settlement and the counters exist together or not at all:
 * - `open` locks the job row first. Results of a batch that is already finalising are refused: its files are being written.
 * - the first writer of a line wins; a second attempt's result for it is dropped, and with it its settlement and counts,
 *   because everything below reads `saved`, the lines this statement really inserted.
 * - budgets are charged with the same lines, and only where the organization has any: that is one look at a small table. Each line is
 *   charged to the period in which its money was reserved, whose lease it then meets; all periods begin with a day.
 * - the rate is smoothed over about 3 s: once a second the last interval's rows/s is blended in.
 */
const saveStatement = `
WITH open AS (
  SELECT id, organization_id, project_id, api_key_id FROM job WHERE id = $1 AND state IN ('running', 'paused') FOR UPDATE
), input AS (
  SELECT * FROM unnest($2::int[], $3::text[], $4::text[], $5::int[], $6::text[], $7::int[], $8::text[], $9::text[],
    string_to_array($10, E'\\x1e', ''), $11::text[], $12::text[], $13::int[], $14::int[], $15::int[], $16::int[], $17::bigint[], $19::timestamptz[])
    AS t(line, custom_id, state, status_code, request_id, attempts, error_code, error_message, body,
      provider, model, input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost, moment)
), saved AS (
  INSERT INTO batch_row (batch_id, line, custom_id, state, status_code, request_id, attempts, error_code, error_message, body)
  SELECT open.id, line, custom_id, state, status_code, request_id, attempts, error_code, error_message, body FROM input, open
  ON CONFLICT (batch_id, line) DO NOTHING
  RETURNING line
), settled AS (
  INSERT INTO ledger (resource_id, line, organization_id, project_id, api_key_id, provider, model,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost)
  SELECT open.id, line, organization_id, project_id, api_key_id, provider, model,
    input_tokens, cached_input_tokens, output_tokens, reasoning_tokens, cost
  FROM input JOIN saved USING (line), open WHERE provider IS NOT NULL
), charged AS (
  SELECT charge_budgets($18, array_agg(organization_id), array_agg(project_id), array_agg(api_key_id), array_agg(day), array_agg(total)) AS budgets
  FROM open, (SELECT date_trunc('day', moment, 'UTC') AS day, sum(cost) AS total FROM input JOIN saved USING (line) WHERE cost > 0 GROUP BY day) AS paid
  WHERE EXISTS (SELECT FROM budget WHERE budget.organization_id = open.organization_id)
  HAVING count(*) > 0
), sums AS (
  SELECT count(*) FILTER (WHERE state = 'ok')::int AS ok, count(*) FILTER (WHERE state <> 'ok')::int AS bad,
    coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(cached_input_tokens), 0) AS cached_input_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens, coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens,
    coalesce(sum(cost), 0) AS cost, count(*) FILTER (WHERE provider IS NOT NULL AND cost IS NULL)::int AS unpriced
  FROM input JOIN saved USING (line)
)
UPDATE job SET
  seq = seq + 1,
  succeeded = succeeded + sums.ok,
  failed = failed + sums.bad,
  input_tokens = job.input_tokens + sums.input_tokens,
  cached_input_tokens = job.cached_input_tokens + sums.cached_input_tokens,
  output_tokens = job.output_tokens + sums.output_tokens,
  reasoning_tokens = job.reasoning_tokens + sums.reasoning_tokens,
  cost = job.cost + sums.cost,
  unpriced = job.unpriced + sums.unpriced,
  rate = CASE
    WHEN rate_at IS NULL OR clock_timestamp() - rate_at < interval '1 second' THEN rate
    WHEN rate = 0 OR clock_timestamp() - rate_at > interval '10 seconds'
      THEN (succeeded + failed + sums.ok + sums.bad - rate_done) / extract(epoch FROM clock_timestamp() - rate_at)
    ELSE rate * 0.7 + 0.3 * (succeeded + failed + sums.ok + sums.bad - rate_done) / extract(epoch FROM clock_timestamp() - rate_at) END,
  rate_done = CASE WHEN rate_at IS NULL OR clock_timestamp() - rate_at >= interval '1 second' THEN succeeded + failed + sums.ok + sums.bad ELSE rate_done END,
  rate_at = CASE WHEN rate_at IS NULL OR clock_timestamp() - rate_at >= interval '1 second' THEN clock_timestamp() ELSE rate_at END
FROM sums, open, (SELECT max(budgets) AS budgets FROM charged) AS charges
WHERE job.id = open.id
RETURNING job.state, job.seq, job.cancel_requested_at IS NOT NULL AS cancel_requested, job.cost, charges.budgets`

interface SaveRow { state: JobState, seq: number, cancel_requested: boolean, cost: string }

/**
 * Persists results of one batch. Idempotent, so it may be repeated after an outage. `processId` is the process whose leases of
 * budgets the money was reserved from.
 */
export async function saveResults (database: Queryable, batchId: string, results: readonly RowResult[], processId: string | null = null): Promise<SaveOutcome | null> {
  const usage = (read: (usage: Usage) => number): Array<number | null> => results.map(result => result.settlement === null ? null : read(result.settlement.usage))
  const { rows } = await database.query<SaveRow>(saveStatement, [
    batchId,
    results.map(result => result.line),
    results.map(result => result.customId),
    results.map(result => result.state),
    results.map(result => result.statusCode),
    results.map(result => result.requestId),
    results.map(result => result.attempts),
    results.map(result => result.errorCode),
    results.map(result => result.errorMessage),
    // one text instead of an array, whose every quote would be escaped: JSON never holds a raw control character
    results.map(result => result.body ?? '').join('\x1e'),
    results.map(result => result.settlement?.provider ?? null),
    results.map(result => result.settlement?.model ?? null),
    usage(usage => usage.inputTokens),
    usage(usage => usage.cachedInputTokens),
    usage(usage => usage.outputTokens),
    usage(usage => usage.reasoningTokens),
    results.map(result => result.settlement?.cost?.toString() ?? null),
    processId,
    results.map(result => result.settlement === null ? null : new Date(result.settlement.moment))
  ])
  const row = rows[0]
  return row === undefined ? null : { state: row.state, seq: row.seq, cancelRequested: row.cancel_requested, cost: BigInt(row.cost) }
}

/** Lines of a range that have their result already. */
export async function readFinishedLines (database: Queryable, batchId: string, from: number, to: number): Promise<Set<number>> {
  const { rows } = await database.query<{ line: number }>('SELECT line FROM batch_row WHERE batch_id = $1 AND line BETWEEN $2 AND $3', [batchId, from, to])
  return new Set(rows.map(row => row.line))
}

/** Gives rows that never got a result one, while the batch is finalising. First writer wins here too. */
export async function saveUnfinished (database: Queryable, batchId: string, rows: ReadonlyArray<{ line: number, customId: string }>, verdict: { state: RowState, code: string, message: string }): Promise<void> {
  await database.query(
    `WITH open AS (SELECT id FROM job WHERE id = $1 AND state = 'finalizing' FOR UPDATE),
     saved AS (
       INSERT INTO batch_row (batch_id, line, custom_id, state, attempts, error_code, error_message)
       SELECT open.id, line, custom_id, $4, 0, $5, $6 FROM unnest($2::int[], $3::text[]) AS t(line, custom_id), open
       ON CONFLICT (batch_id, line) DO NOTHING RETURNING line)
     UPDATE job SET seq = seq + 1, failed = failed + (SELECT count(*)::int FROM saved) FROM open WHERE job.id = open.id`,
    [batchId, rows.map(row => row.line), rows.map(row => row.customId), verdict.state, verdict.code, verdict.message])
}
