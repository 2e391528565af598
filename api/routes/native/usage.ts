import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { Type, type FastifyPluginAsyncTypebox, type Static } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger } from 'fastify'
import type pg from 'pg'
import type { Caller } from '../../../lib/contracts/jobs.ts'
import { hasScope } from '../../../lib/contracts/scopes.ts'
import { formatUsd } from '../../../lib/domain/price.ts'
import { SiraError } from '../../../lib/errors.ts'
import type { UsageFilter } from '../../../lib/store/usage-filter.ts'
import { exportUsage, reportUsage, usageGroups, type UsageGroup, type UsageSums } from '../../../lib/store/usage-report.ts'
import { csvLine } from '../../../lib/usage/csv.ts'
import { OneOf } from '../../schemas.ts'

const Several = Type.Optional(Type.Array(Type.String({ maxLength: 300, pattern: '^[^\\u0000]*$' }), { maxItems: 50, description: 'repeat it for any of several' }))
const Time = Type.Optional(Type.String({ format: 'date-time' }))
const UsageQuery = Type.Object({
  from: Type.Optional(Type.String({ format: 'date-time', description: 'RFC 3339, inclusive; default 30 days before `to`, by hour 1 day' })),
  to: Time,
  group_by: Type.Optional(Type.String({ maxLength: 200, description: `comma-separated: ${usageGroups.join(', ')}` })),
  scope: Type.Optional(OneOf(['project', 'organization'], 'organization needs a key with the scope organization')),
  project: Several,
  key: Several,
  model: Several,
  provider: Several,
  end_user: Several,
  endpoint: Several,
  status: Type.Optional(Type.Array(Type.Integer({ minimum: 0, maximum: 999 }), { maxItems: 50 })),
  format: Type.Optional(OneOf(['json', 'csv'])),
  limit: Type.Integer({ minimum: 1, maximum: 1_000, default: 100 }),
  cursor: Type.Optional(Type.String({ maxLength: 8_000, description: 'next_cursor of the page before' }))
}, { additionalProperties: false })

const sums = {
  requests: Type.Integer(),
  errors: Type.Integer({ description: 'answered with 400 or above' }),
  cached: Type.Integer({ description: 'answered from the response cache' }),
  batch: Type.Integer({ description: 'rows of batches' }),
  input_tokens: Type.Integer(),
  cached_input_tokens: Type.Integer(),
  cache_write_tokens: Type.Integer(),
  output_tokens: Type.Integer(),
  reasoning_tokens: Type.Integer(),
  audio_tokens: Type.Integer(),
  cost_usd: Type.String({ description: 'USD as an exact decimal number; without what has no known price' }),
  unpriced: Type.Integer({ description: 'requests whose price is unknown' }),
  avg_latency_ms: Type.Union([Type.Integer(), Type.Null()]),
  avg_first_token_ms: Type.Union([Type.Integer(), Type.Null()])
}
const Group = Type.Optional(Type.Union([Type.String(), Type.Null()]))
const UsageReport = Type.Object({
  from: Type.String({ format: 'date-time' }),
  to: Type.String({ format: 'date-time' }),
  data: Type.Array(Type.Object({ ...Object.fromEntries(usageGroups.map(group => [group, Group])), ...sums })),
  has_more: Type.Boolean(),
  next_cursor: Type.Union([Type.String(), Type.Null()])
})

const DAY = 24 * 3600 * 1000
/** ms that a reader may take for all of a CSV. */
const EXPORT = 120_000

/** What requests and batch rows used and cost, summed. */
const usage: FastifyPluginAsyncTypebox = async app => {
  const { pool } = app.dependencies

  app.get('/usage', {
    exposeHeadRoute: false, // it would sum everything to answer nothing
    schema: {
      tags: ['Usage'],
      summary: 'Usage and costs, grouped',
      description: 'Of the key\'s project unless told otherwise; batches included. CSV with `format=csv` or `Accept: text/csv`: all groups, not a page.',
      querystring: UsageQuery,
      response: { 200: UsageReport }
    }
  }, async (request, reply) => {
    const { query } = request
    const groups = parseGroups(query.group_by)
    const filter = { ...rangeOf(query, groups), ...boundsOf(request.caller, query) }
    if (query.format === 'csv' || (query.format === undefined && /^text\/csv\b/.test(request.headers.accept ?? ''))) {
      reply.type('text/csv; charset=utf-8').header('content-disposition', 'attachment; filename="usage.csv"').header('cache-control', 'no-store')
      return await reply.send(csvStream(pool, filter, groups, request.log) as never)
    }
    const page = await reportUsage(pool, filter, groups, { after: parseCursor(query.cursor, groups), limit: query.limit })
    return {
      from: filter.from.toISOString(),
      to: filter.to.toISOString(),
      data: page.rows.map(row => ({ ...groupOf(row, groups), ...sumsOf(row) })),
      has_more: page.hasMore,
      next_cursor: page.hasMore ? Buffer.from(JSON.stringify(page.rows.at(-1)!.group)).toString('base64url') : null
    }
  })
}

function parseGroups (text: string | undefined): UsageGroup[] {
  const words = text === undefined || text === '' ? [] : text.split(',').map(word => word.trim())
  for (const word of words) {
    if (!(usageGroups as string[]).includes(word)) throw new SiraError('invalid_parameter', { param: 'group_by', reason: `it must be of ${usageGroups.join(', ')}.` })
  }
  return [...new Set(words as UsageGroup[])]
}

function rangeOf (query: Static<typeof UsageQuery>, groups: readonly UsageGroup[]): { from: Date, to: Date } {
  const hourly = groups.includes('hour')
  const to = query.to === undefined ? new Date() : new Date(query.to)
  const from = query.from === undefined ? new Date(to.getTime() - (hourly ? 1 : 30) * DAY) : new Date(query.from)
  const most = hourly ? 31 : 400
  if (!(from < to)) throw new SiraError('invalid_parameter', { param: 'from', reason: 'it must be before `to`.' })
  if (to.getTime() - from.getTime() > most * DAY) throw new SiraError('invalid_parameter', { param: 'from', reason: `a report ${hourly ? 'by hour ' : ''}covers at most ${most} days.` })
  return { from, to }
}

/** Whose usage the caller may see, and what it asks of it. Throws `insufficient_scope`. */
function boundsOf (caller: Caller, query: Static<typeof UsageQuery>): Omit<UsageFilter, 'from' | 'to'> {
  if (!hasScope(caller.scopes, 'usage')) throw new SiraError('insufficient_scope', { scope: 'usage' })
  const { organizationId, projectId } = caller
  const ofOthers = query.scope === 'organization' || query.project?.some(project => project !== projectId) === true
  if (ofOthers && !hasScope(caller.scopes, 'organization')) throw new SiraError('insufficient_scope', { scope: 'organization' })
  return {
    organizationId,
    project: query.project ?? (query.scope === 'organization' ? undefined : [projectId]),
    key: query.key,
    model: query.model,
    provider: query.provider,
    endUser: query.end_user,
    endpoint: query.endpoint,
    status: query.status
  }
}

function parseCursor (text: string | undefined, groups: readonly UsageGroup[]): string[] | null {
  if (text === undefined) return null
  const refusal = new SiraError('invalid_parameter', { param: 'cursor', reason: 'it must be next_cursor of a page with the same group_by.' })
  let values: unknown
  try {
    values = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    throw refusal
  }
  if (!Array.isArray(values) || groups.length === 0 || values.length !== groups.length) throw refusal
  if (!values.every((value): value is string => typeof value === 'string' && !value.includes('\0'))) throw refusal
  return values
}

function groupOf (row: UsageSums, groups: readonly UsageGroup[]): Partial<Record<UsageGroup, string | null>> {
  return Object.fromEntries(groups.map((group, index) => [group, row.group[index] || null]))
}

function sumsOf (row: UsageSums) {
  return {
    requests: row.requests,
    errors: row.errors,
    cached: row.cached,
    batch: row.batch,
    input_tokens: row.inputTokens,
    cached_input_tokens: row.cachedInputTokens,
    cache_write_tokens: row.cacheWriteTokens,
    output_tokens: row.outputTokens,
    reasoning_tokens: row.reasoningTokens,
    audio_tokens: row.audioTokens,
    cost_usd: formatUsd(row.cost),
    unpriced: row.unpriced,
    avg_latency_ms: row.averageLatency,
    avg_first_token_ms: row.averageFirstToken
  }
}

/** A failure, or a reader that takes too long, breaks the stream off; a CSV that ends is whole. */
function csvStream (pool: pg.Pool, filter: UsageFilter, groups: readonly UsageGroup[], log: FastifyBaseLogger): PassThrough {
  const stream = new PassThrough()
  const signal = AbortSignal.timeout(EXPORT)
  stream.write(csvLine([...groups, ...Object.keys(sums)]))
  exportUsage(pool, filter, groups, EXPORT, async rows => {
    if (stream.destroyed) throw new Error('The reader has gone')
    if (!stream.write(rows.map(row => csvLine([...row.group, ...Object.values(sumsOf(row))])).join(''))) await once(stream, 'drain', { signal })
  }).then(() => { stream.end() }, (error: Error) => {
    if (!stream.destroyed) log.warn({ err: error }, 'a CSV of usage was broken off')
    stream.destroy(error)
  })
  return stream
}

export default usage
