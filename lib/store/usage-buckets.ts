import type pg from 'pg'
import { usageConditions, type UsageFilter } from './usage-filter.ts'
import { readUsage } from './usage-read.ts'

/** What OpenAI's usage can be grouped by, and the column. */
const columns = { project_id: 'project_id', user_id: 'end_user', api_key_id: 'key_id', model: 'model', line_item: 'model', batch: 'batch::text' } as const
export type BucketGroup = keyof typeof columns

/** Endpoints of OpenAI's kinds of usage that have one; completions is every other that counts tokens. */
const endpoints = { embeddings: '/v1/embeddings', moderations: '/v1/moderations' } as const
export type UsageKind = 'completions' | keyof typeof endpoints | 'costs'

const conditionOf: Readonly<Record<UsageKind, string>> = {
  // cost is what is billed, whatever it is for
  costs: 'cost IS NOT NULL',
  // answers from the cache and refusals asked no model
  completions: "provider IS NOT NULL AND (endpoint IS NULL OR (endpoint <> ALL ('{/v1/embeddings,/v1/moderations}') AND endpoint !~ '^/v1/(images|audio|videos)'))",
  embeddings: `provider IS NOT NULL AND endpoint = '${endpoints.embeddings}'`,
  moderations: `provider IS NOT NULL AND endpoint = '${endpoints.moderations}'`
}

export interface BucketRow {
  /** Index of the bucket, from the first. */
  readonly bucket: number
  /** In the order asked for; null = none. */
  readonly group: ReadonlyArray<string | null>
  readonly requests: number
  readonly inputTokens: string
  readonly cachedInputTokens: string
  readonly cacheWriteTokens: string
  readonly outputTokens: string
  readonly audioTokens: string
  readonly outputAudioTokens: string
  /** pico-USD */
  readonly cost: string
}

/** More groups than this in one answer are refused by the caller. */
export const mostBucketRows = 50_000

/** Sums by bucket and group. Buckets are `width` seconds wide and begin at multiples of it; `first` is the index of that of `filter.from`. */
export async function readBuckets (pool: pg.Pool, kind: UsageKind, filter: UsageFilter, width: number, groups: readonly BucketGroup[]): Promise<BucketRow[]> {
  const { where, values } = usageConditions(filter)
  const first = Math.floor(filter.from.getTime() / 1000 / width)
  const bucket = `floor(extract(epoch FROM created_at) / ${width})::bigint - ${first}`
  const terms = [bucket, ...groups.map(group => columns[group])]
  const text = `SELECT ${bucket} AS bucket, ARRAY[${groups.map(group => columns[group]).join(', ')}]::text[] AS "group", count(*) AS requests,
      sum(input_tokens)::text AS "inputTokens", sum(cached_input_tokens)::text AS "cachedInputTokens", sum(cache_write_tokens)::text AS "cacheWriteTokens",
      sum(output_tokens)::text AS "outputTokens", sum(audio_tokens)::text AS "audioTokens", sum(output_audio_tokens)::text AS "outputAudioTokens",
      coalesce(sum(cost), 0)::text AS cost
    FROM all_usage WHERE ${where} AND ${conditionOf[kind]} GROUP BY ${terms.join(', ')} ORDER BY ${terms.join(', ')} LIMIT ${mostBucketRows + 1}`
  return await readUsage(pool, async client => (await client.query<BucketRow>(text, values)).rows)
}
