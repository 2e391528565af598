/** RFC 3339 in UTC, as Date.toISOString writes it; null stays null. */
const timeOf = (column: string): string => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const times = ['created_at', 'started_at', 'cancel_requested_at', 'finalizing_at', 'finished_at', 'expires_at']

/**
 * SQL over the columns of a job: what an event tells of it, so that the statement that changes the job can record the event
 * without reading it again. The schema of a full payload's data (lib/domain/event-schemas.ts) is of this. What the job does
 * not have is left out, only an unknown total is null. The product with 10⁻¹² is exact, a quotient would not be.
 */
export const jobSnapshot = `jsonb_build_object(
  'state', state,
  'counts', jsonb_build_object('total', total, 'succeeded', succeeded, 'failed', failed),
  'usage', jsonb_build_object('input_tokens', input_tokens, 'cached_input_tokens', cached_input_tokens,
    'output_tokens', output_tokens, 'reasoning_tokens', reasoning_tokens),
  'cost_usd', trim_scale(cost * 0.000000000001)::text,
  'unpriced', unpriced
) || jsonb_strip_nulls(jsonb_build_object(
  'metadata', metadata, 'error', error, ${times.map(column => `'${column}', ${timeOf(column)}`).join(', ')}
))`
