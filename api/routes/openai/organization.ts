import { Type, type FastifyPluginAsyncTypebox, type TProperties } from '@fastify/type-provider-typebox'
import type { Caller } from '../../../lib/contracts/jobs.ts'
import { hasScope } from '../../../lib/contracts/scopes.ts'
import { formatUsd } from '../../../lib/domain/price.ts'
import { SiraError } from '../../../lib/errors.ts'
import { mostBucketRows, readBuckets, type BucketGroup, type BucketRow, type UsageKind } from '../../../lib/store/usage-buckets.ts'
import { OneOf } from '../../schemas.ts'

/** Seconds of a bucket, and how many a page has: the default and the most. As OpenAI has them. */
const widths = { '1m': { seconds: 60, buckets: 60, most: 1_440 }, '1h': { seconds: 3_600, buckets: 24, most: 168 }, '1d': { seconds: 86_400, buckets: 7, most: 31 } } as const
const costWidths = { '1d': { seconds: 86_400, buckets: 7, most: 180 } } as const
type Width = { readonly seconds: number, readonly buckets: number, readonly most: number }

const Seconds = Type.Integer({ minimum: 0, maximum: 32_503_680_000, description: 'unix seconds' })
const Ids = Type.Array(Type.String({ maxLength: 300, pattern: '^[^\\u0000]*$' }), { maxItems: 100 })
const common = { start_time: Seconds, end_time: Type.Optional(Seconds), limit: Type.Optional(Type.Integer({ minimum: 1 })), page: Type.Optional(Type.String({ maxLength: 100 })) }

/** OpenAI's clients send arrays as `name[]`; by hand people write `name`. */
const arrays = (names: Readonly<Record<string, ReturnType<typeof Type.Array>>>): TProperties =>
  Object.fromEntries(Object.entries(names).flatMap(([name, schema]) => [[name, Type.Optional(schema)], [`${name}[]`, Type.Optional(schema)]]))

interface Query { start_time: number, end_time?: number, limit?: number, page?: string, bucket_width?: keyof typeof widths, batch?: boolean, [array: string]: unknown }
const listed = (query: Query, name: string): string[] | undefined => (query[`${name}[]`] ?? query[name]) as string[] | undefined

interface Kind {
  readonly path: string
  /** null = Sira has none of it yet. */
  readonly kind: UsageKind | null
  readonly groups: readonly BucketGroup[]
  readonly result: (row: BucketRow, ids: Readonly<Record<string, string | null>>) => object
}

const usageGroups = ['project_id', 'user_id', 'api_key_id', 'model'] as const
const ids = (group: Readonly<Record<string, string | null>>) => ({
  project_id: group.project_id ?? null, user_id: group.user_id ?? null, api_key_id: group.api_key_id ?? null, model: group.model ?? null
})
const counted = (row: BucketRow, object: string) => ({ object, input_tokens: Number(row.inputTokens), num_model_requests: row.requests })

const kinds: readonly Kind[] = [
  {
    path: '/organization/usage/completions',
    kind: 'completions',
    groups: [...usageGroups, 'batch'],
    result: (row, group) => ({
      ...counted(row, 'organization.usage.completions.result'),
      output_tokens: Number(row.outputTokens),
      input_cached_tokens: Number(row.cachedInputTokens),
      input_cache_write_tokens: Number(row.cacheWriteTokens),
      input_uncached_tokens: Number(row.inputTokens) - Number(row.cachedInputTokens) - Number(row.cacheWriteTokens),
      input_audio_tokens: Number(row.audioTokens) - Number(row.outputAudioTokens),
      output_audio_tokens: Number(row.outputAudioTokens),
      ...ids(group),
      batch: group.batch === undefined ? null : group.batch === 'true',
      service_tier: null
    })
  },
  { path: '/organization/usage/embeddings', kind: 'embeddings', groups: usageGroups, result: (row, group) => ({ ...counted(row, 'organization.usage.embeddings.result'), ...ids(group) }) },
  { path: '/organization/usage/moderations', kind: 'moderations', groups: usageGroups, result: (row, group) => ({ ...counted(row, 'organization.usage.moderations.result'), ...ids(group) }) },
  ...['images', 'audio_speeches', 'audio_transcriptions', 'vector_stores', 'code_interpreter_sessions', 'file_search_calls', 'web_search_calls']
    .map(name => ({ path: `/organization/usage/${name}`, kind: null, groups: usageGroups, result: () => ({}) })),
  {
    path: '/organization/costs',
    kind: 'costs',
    groups: ['project_id', 'line_item', 'api_key_id'],
    result: (row, group) => ({
      object: 'organization.costs.result',
      amount: { value: Number(formatUsd(BigInt(row.cost))), currency: 'usd' },
      line_item: group.line_item ?? null,
      project_id: group.project_id ?? null,
      api_key_id: group.api_key_id ?? null,
      quantity: null
    })
  }
]

const Page = Type.Object({
  object: Type.Literal('page'),
  data: Type.Array(Type.Object({ object: Type.Literal('bucket'), start_time: Type.Integer(), end_time: Type.Integer(), results: Type.Array(Type.Object({}, { additionalProperties: true })) })),
  has_more: Type.Boolean(),
  next_page: Type.Union([Type.String(), Type.Null()])
})

/** OpenAI's usage and costs of an organization, by buckets of time. Its user is our end user, its line item our model. */
const organization: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies

  for (const { path, kind, groups, result } of kinds) {
    const bucketWidths: Readonly<Record<string, Width>> = kind === 'costs' ? costWidths : widths
    app.get(path, {
      schema: {
        tags: ['Organization'],
        summary: path.split('/').slice(2).join(' ').replaceAll('_', ' '),
        description: 'For keys with the scope organization.',
        querystring: Type.Object({
          ...common,
          bucket_width: Type.Optional(OneOf(Object.keys(bucketWidths))),
          batch: Type.Optional(Type.Boolean()),
          ...arrays({ group_by: Type.Array(OneOf(groups)), project_ids: Ids, api_key_ids: Ids, models: Ids, user_ids: Ids })
        }),
        response: { 200: Page }
      }
    }, async request => {
      requireOrganization(request.caller)
      const query = request.query as Query
      const range = rangeOf(query, bucketWidths[query.bucket_width ?? '1d']!)
      const chosen = [...new Set((listed(query, 'group_by') ?? []) as BucketGroup[])]
      const rows = kind === null
        ? []
        : await readBuckets(pool, kind, {
          organizationId: request.caller.organizationId,
          from: new Date(range.start * 1000),
          to: new Date(Math.max(range.start, range.end) * 1000),
          project: listed(query, 'project_ids'),
          key: listed(query, 'api_key_ids'),
          model: listed(query, 'models'),
          endUser: listed(query, 'user_ids'),
          batch: query.batch
        }, range.width, chosen)
      if (rows.length > mostBucketRows) throw new SiraError('invalid_parameter', { param: 'limit', reason: 'this page has too many groups. Ask for fewer buckets.' })
      const byBucket = groupRows(rows)
      return {
        object: 'page' as const,
        data: range.buckets.map((bucket, index) => ({
          object: 'bucket' as const,
          ...bucket,
          results: (byBucket.get(index) ?? []).map(row => result(row, Object.fromEntries(chosen.map((group, place) => [group, row.group[place] ?? null]))))
        })),
        has_more: range.next !== null,
        next_page: range.next === null ? null : `page_${range.next}`
      }
    })
  }
}

function groupRows (rows: readonly BucketRow[]): Map<number, BucketRow[]> {
  const groups = new Map<number, BucketRow[]>()
  for (const row of rows) {
    const group = groups.get(row.bucket)
    if (group === undefined) groups.set(row.bucket, [row])
    else group.push(row)
  }
  return groups
}

function requireOrganization (caller: Caller): void {
  if (!hasScope(caller.scopes, 'organization')) throw new SiraError('insufficient_scope', { scope: 'organization' })
}

interface Range {
  readonly width: number
  /** Unix seconds of this page, end exclusive. */
  readonly start: number
  readonly end: number
  readonly buckets: ReadonlyArray<{ readonly start_time: number, readonly end_time: number }>
  /** Where the next page starts; null = this is the last. */
  readonly next: number | null
}

/** The buckets of a page: they begin at multiples of their width; the first and last are cut to the time asked for. */
function rangeOf (query: Query, { seconds, buckets: usual, most }: Width): Range {
  const limit = Math.min(query.limit ?? usual, most)
  const last = query.end_time ?? (Math.floor(Date.now() / 1000 / seconds) + 1) * seconds
  const start = query.page === undefined ? query.start_time : parsePage(query.page)
  if (query.end_time !== undefined && query.end_time <= query.start_time) throw new SiraError('invalid_parameter', { param: 'end_time', reason: 'it must be after start_time.' })
  if (start < query.start_time) throw new SiraError('invalid_parameter', { param: 'page', reason: 'it must be next_page of a page with the same start_time.' })
  const buckets: Array<{ start_time: number, end_time: number }> = []
  let from = start
  while (from < last && buckets.length < limit) {
    const to = Math.min((Math.floor(from / seconds) + 1) * seconds, last)
    buckets.push({ start_time: from, end_time: to })
    from = to
  }
  return { width: seconds, start, end: from, buckets, next: from < last ? from : null }
}

function parsePage (text: string): number {
  const match = /^page_(\d{1,11})$/.exec(text)
  if (match === null) throw new SiraError('invalid_parameter', { param: 'page', reason: 'it must be next_page of a page.' })
  return Number(match[1])
}

export default organization
