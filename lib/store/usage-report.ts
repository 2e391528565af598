import type pg from 'pg'
import type { Queryable } from './database.ts'
import { usageConditions, type UsageFilter } from './usage-filter.ts'
import { readUsage } from './usage-read.ts'

/** What usage can be grouped by. Text sorts by bytes so that pages do not depend on a locale; none and empty are one. */
const expressions = {
  day: "to_char(date_trunc('day', created_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD')",
  hour: "to_char(date_trunc('hour', created_at AT TIME ZONE 'UTC'), 'YYYY-MM-DD\"T\"HH24:00:00\"Z\"')",
  model: 'model',
  provider: 'provider',
  key: 'key_id',
  project: 'project_id',
  end_user: 'end_user',
  endpoint: 'endpoint'
} as const
export type UsageGroup = keyof typeof expressions
export const usageGroups = Object.keys(expressions) as UsageGroup[]

/** One group. Costs are pico-USD, times ms; null = there was none to take the average of. */
export interface UsageSums {
  /** In the order asked for; '' = none. */
  readonly group: readonly string[]
  readonly requests: number
  readonly errors: number
  readonly cached: number
  readonly batch: number
  readonly inputTokens: number
  readonly cachedInputTokens: number
  readonly cacheWriteTokens: number
  readonly outputTokens: number
  readonly reasoningTokens: number
  readonly audioTokens: number
  /** Without the unpriced. */
  readonly cost: bigint
  readonly unpriced: number
  readonly averageLatency: number | null
  readonly averageFirstToken: number | null
}

type Row = Omit<UsageSums, 'cost'> & { readonly cost: string }

const sums = `count(*) AS requests, count(*) FILTER (WHERE status >= 400) AS errors, count(*) FILTER (WHERE flags & 2 <> 0) AS cached,
  count(*) FILTER (WHERE batch) AS batch, coalesce(sum(input_tokens), 0) AS "inputTokens", coalesce(sum(cached_input_tokens), 0) AS "cachedInputTokens",
  coalesce(sum(cache_write_tokens), 0) AS "cacheWriteTokens", coalesce(sum(output_tokens), 0) AS "outputTokens",
  coalesce(sum(reasoning_tokens), 0) AS "reasoningTokens", coalesce(sum(audio_tokens), 0) AS "audioTokens", coalesce(sum(cost), 0)::text AS cost,
  count(*) FILTER (WHERE cost IS NULL) AS unpriced, round(avg(latency_ms))::integer AS "averageLatency", round(avg(first_token_ms))::integer AS "averageFirstToken"`

/** The query of a report and its parameters; `after` is the group of the last row already seen. */
export function usageQuery (filter: UsageFilter, groups: readonly UsageGroup[], after: readonly string[] | null, limit: number | null): { text: string, values: unknown[] } {
  const { where, values } = usageConditions(filter)
  const terms = groups.map(group => `coalesce(${expressions[group]}, '') COLLATE "C"`)
  const parts = [`SELECT ARRAY[${terms.join(', ')}]::text[] AS "group", ${sums} FROM all_usage WHERE ${where}`]
  if (terms.length > 0) parts.push(`GROUP BY ${terms.join(', ')}`)
  if (after !== null) {
    const places = after.map(value => `$${values.push(value)}`)
    parts.push(`HAVING (${terms.join(', ')}) > (${places.join(', ')})`)
  }
  if (terms.length > 0) parts.push(`ORDER BY ${terms.join(', ')}`)
  if (limit !== null) parts.push(`LIMIT ${limit}`)
  return { text: parts.join(' '), values }
}

/** Sums by group, in the order of the groups, a page at a time. Without groups it is one row. */
export async function reportUsage (pool: pg.Pool, filter: UsageFilter, groups: readonly UsageGroup[], page: { after: readonly string[] | null, limit: number }): Promise<{ rows: UsageSums[], hasMore: boolean }> {
  const { text, values } = usageQuery(filter, groups, page.after, page.limit + 1)
  return await readUsage(pool, async client => {
    const { rows } = await client.query<Row>(text, values)
    return { rows: rows.slice(0, page.limit).map(toSums), hasMore: rows.length > page.limit }
  })
}

/** Rows held at once while all of a report is read. */
const PIECE = 1_000

/**
 * All of a report, piece by piece. It holds a connection while it is read, so it ends with an error when the reader is not
 * done at `deadline` (ms from now).
 */
export async function exportUsage (pool: pg.Pool, filter: UsageFilter, groups: readonly UsageGroup[], deadline: number, take: (rows: UsageSums[]) => Promise<void>): Promise<void> {
  const { text, values } = usageQuery(filter, groups, null, null)
  const end = performance.now() + deadline
  await readUsage(pool, async client => {
    await client.query(`DECLARE report NO SCROLL CURSOR FOR ${text}`, values)
    for (let rows = await fetchPiece(client); rows.length > 0; rows = await fetchPiece(client)) {
      await take(rows)
      if (performance.now() > end) throw new Error('The report was read too slowly')
    }
  })
}

async function fetchPiece (client: Queryable): Promise<UsageSums[]> {
  return (await client.query<Row>(`FETCH ${PIECE} FROM report`)).rows.map(toSums)
}

/** Sums of integers come as numeric, which is text; they are far below 2^53. */
function toSums (row: Row): UsageSums {
  return {
    ...row,
    inputTokens: Number(row.inputTokens),
    cachedInputTokens: Number(row.cachedInputTokens),
    cacheWriteTokens: Number(row.cacheWriteTokens),
    outputTokens: Number(row.outputTokens),
    reasoningTokens: Number(row.reasoningTokens),
    audioTokens: Number(row.audioTokens),
    cost: BigInt(row.cost)
  }
}
