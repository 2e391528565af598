import type { Pool } from 'pg'
import { chargeBudgets } from '../budgets/charge.ts'
import type { UsageRecord } from '../contracts/usage.ts'
import { flagsOf } from '../usage/record-line.ts'
import { inTransaction, type Queryable } from './database.ts'
import { dayOf, ensurePartitions, forgetPartitions, keptSince } from './usage-partitions.ts'

const columns = {
  id: 'text', created_at: 'timestamptz', organization_id: 'text', project_id: 'text', key_id: 'text', endpoint: 'text', model: 'text', provider: 'text',
  deployment: 'text', end_user: 'text', status: 'smallint', error_code: 'text', attempts: 'smallint', input_tokens: 'integer', cached_input_tokens: 'integer',
  cache_write_tokens: 'integer', output_tokens: 'integer', reasoning_tokens: 'integer', audio_tokens: 'integer', output_audio_tokens: 'integer', cost: 'bigint',
  latency_ms: 'integer', first_token_ms: 'integer', flags: 'smallint'
} as const
type Row = Record<keyof typeof columns, string | number | null>

const names = Object.keys(columns) as Array<keyof typeof columns>
const insertRows = `INSERT INTO usage (${names.join(', ')})
  SELECT ${names.join(', ')} FROM json_to_recordset($1::json) AS row (${names.map(name => `${name} ${columns[name]}`).join(', ')})
  ON CONFLICT (created_at, id) DO NOTHING
  RETURNING id, organization_id AS "organizationId", project_id AS "projectId", key_id AS "keyId", created_at AS "createdAt", cost::text`

interface Inserted { readonly id: string, readonly organizationId: string, readonly projectId: string, readonly keyId: string, readonly createdAt: Date, readonly cost: string | null }

/**
 * Stores records and settles them with the budgets, each once however often it is given. Records of days that are no longer
 * kept are left out: their partition has been dropped, and whether they were in it is not known any more.
 */
export async function saveUsage (pool: Pool, processId: string, records: readonly UsageRecord[], retentionDays: number): Promise<void> {
  const since = keptSince(retentionDays, Date.now())
  // one order for all writers: two that recover the same rows would otherwise wait for each other
  const kept = records.filter(record => !(record.createdAt < since)).sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  if (kept.length === 0) return
  const rows = kept.map(toRow)
  const days = kept.map(record => dayOf(record.createdAt))
  await ensurePartitions(pool, days)
  try {
    await insert(pool, processId, rows)
  } catch (error) {
    if (!isMissingPartition(error)) throw error
    forgetPartitions(pool)
    await ensurePartitions(pool, days)
    await insert(pool, processId, rows)
  }
}

async function insert (pool: Pool, processId: string, rows: readonly Row[]): Promise<void> {
  await inTransaction(pool, async client => {
    const { rows: inserted } = await client.query<Inserted>(insertRows, [JSON.stringify(rows)])
    if (inserted.length === 0) return
    const charges = inserted.flatMap(({ organizationId, projectId, keyId, createdAt, cost }) =>
      cost === null ? [] : [{ organizationId, projectId, keyId, createdAt, cost: BigInt(cost) }])
    if (charges.length > 0) await chargeBudgets(client, processId, charges)
    await noteUse(client, inserted)
  })
}

/** Brings key_use up to date, to the minute. FOR KEY SHARE: a key that is being deleted must not fail the rows. */
async function noteUse (client: Queryable, rows: readonly Inserted[]): Promise<void> {
  const last = new Map<string, Date>()
  for (const { keyId, createdAt } of rows) if (createdAt > (last.get(keyId) ?? 0)) last.set(keyId, createdAt)
  await client.query(
    `INSERT INTO key_use (key_id, last_used_at)
     SELECT api_key.id, used.at FROM unnest($1::text[], $2::timestamptz[]) AS used (key_id, at) JOIN api_key ON api_key.id = used.key_id
     WHERE NOT EXISTS (SELECT FROM key_use WHERE key_use.key_id = used.key_id AND last_used_at > used.at - interval '1 minute')
     ORDER BY api_key.id FOR KEY SHARE OF api_key
     ON CONFLICT (key_id) DO UPDATE SET last_used_at = greatest(key_use.last_used_at, excluded.last_used_at)`,
    [[...last.keys()], [...last.values()]])
}

/**
 * What the columns take. Text and counts come from callers and providers, and a row that Postgres refuses would
 * be a request that nobody pays: a zero byte and half a surrogate pair become U+FFFD, a count is rounded and bounded.
 */
export function toRow (record: UsageRecord): Row {
  const { usage } = record
  const outputAudio = count(usage.outputAudioTokens)
  return {
    id: record.id,
    created_at: new Date(record.createdAt).toISOString(),
    organization_id: record.organizationId,
    project_id: record.projectId,
    key_id: record.keyId,
    endpoint: record.endpoint,
    model: text(record.model),
    provider: record.provider,
    deployment: record.deployment,
    end_user: record.endUser === null ? null : text(record.endUser),
    status: count(record.status, MOST_SMALL),
    error_code: record.errorCode === null ? null : text(record.errorCode),
    attempts: count(record.attempts, MOST_SMALL),
    input_tokens: count(usage.inputTokens),
    cached_input_tokens: count(usage.cachedInputTokens),
    cache_write_tokens: count((usage.cacheWriteTokens ?? 0) + (usage.cacheWriteHourTokens ?? 0)),
    output_tokens: count(usage.outputTokens),
    reasoning_tokens: count(usage.reasoningTokens),
    audio_tokens: count(count(usage.inputAudioTokens) + outputAudio),
    output_audio_tokens: outputAudio,
    cost: record.cost,
    latency_ms: count(record.latencyMs),
    first_token_ms: record.firstTokenMs === null ? null : count(record.firstTokenMs),
    flags: flagsOf(record)
  }
}

const MOST = 2 ** 31 - 1
const MOST_SMALL = 2 ** 15 - 1

function count (value: number | null | undefined, most = MOST): number {
  return typeof value === 'number' && value > 0 ? Math.min(Math.round(value), most) : 0
}

function text (value: string): string { return value.toWellFormed().replaceAll('\0', '\ufffd') }

/** Postgres reports it as a check violation without a constraint. */
function isMissingPartition (error: unknown): boolean {
  const { code, constraint } = error as { code?: unknown, constraint?: unknown }
  return code === '23514' && constraint === undefined
}
