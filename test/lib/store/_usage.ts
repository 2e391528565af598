import type pg from 'pg'
import type { UsageRecord } from '../../../lib/contracts/usage.ts'
import { record } from '../usage/_journal.ts'

export const today = Math.floor(Date.now() / 86_400_000) * 86_400_000
export const DAY = 86_400_000

/** A number generator with a seed, 0 to 1 (mulberry32). */
function generator (seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0
    let value = Math.imul(seed ^ seed >>> 15, 1 | seed)
    value = value + Math.imul(value ^ value >>> 7, 61 | value) ^ value
    return ((value ^ value >>> 14) >>> 0) / 4_294_967_296
  }
}

/** Records of two organizations over the three days before today. */
export function seedRecords (count: number): UsageRecord[] {
  const random = generator(7)
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!
  return Array.from({ length: count }, (_, number) => {
    const organization = pick(['a', 'a', 'a', 'b'])
    const inputTokens = Math.floor(random() * 5_000)
    return record(`req_${number}`, {
      createdAt: today - Math.floor(random() * 3 * DAY) - 1,
      organizationId: `org_${organization}`,
      projectId: `proj_${organization}${pick([1, 2])}`,
      keyId: `key_${organization}${pick([1, 2, 3])}`,
      endpoint: pick(['/v1/chat/completions', '/v1/chat/completions', '/v1/messages', '/v1/embeddings', '/v1/moderations']),
      model: pick(['sim-fast', 'sim-slow', 'sim-other']),
      provider: pick(['simulator', 'other', null]),
      endUser: pick([null, '=1+1', 'user "x", y', 'ü']),
      status: pick([200, 200, 200, 429, 502]),
      usage: { inputTokens, cachedInputTokens: Math.floor(inputTokens / 3), outputTokens: Math.floor(random() * 900), reasoningTokens: 5, cacheWriteTokens: 2, inputAudioTokens: 3, outputAudioTokens: 4 },
      cost: random() < 0.1 ? null : String(Math.floor(random() * 1e12)),
      latencyMs: Math.floor(random() * 2_000),
      firstTokenMs: random() < 0.5 ? null : Math.floor(random() * 500),
      cached: random() < 0.1
    })
  })
}

/** What a ledger row of a batch is as a record, so that both can be summed by the same reduction. */
export async function addLedger (pool: pg.Pool, organization: string, count: number): Promise<UsageRecord[]> {
  const batchId = `batch_${organization}`
  const tenant = { organizationId: `org_${organization}`, projectId: `proj_${organization}1`, keyId: `key_${organization}1` }
  await pool.query("INSERT INTO job (id, kind, organization_id, project_id, api_key_id, state, expires_at) VALUES ($1, 'batch', $2, $3, $4, 'running', now())",
    [batchId, tenant.organizationId, tenant.projectId, tenant.keyId])
  await pool.query(`INSERT INTO batch (id, input_file_id, endpoint, completion_window, prices, reserved_output_file_id, reserved_error_file_id)
    VALUES ($1, 'file-1', '/v1/chat/completions', '24h', '{}', 'file-2', 'file-3')`, [batchId])
  return await Promise.all(Array.from({ length: count }, async (_, line) => {
    const createdAt = today - line * 3_600_000 - 1
    const cost = line % 7 === 0 ? null : String(1_234_567 * line)
    await pool.query('INSERT INTO ledger VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)',
      [batchId, line, tenant.organizationId, tenant.projectId, tenant.keyId, 'simulator', 'sim-fast', 100 + line, 10, 20 + line, 1, cost, new Date(createdAt)])
    return record(`${batchId}:${line}`, {
      ...tenant, createdAt, cost, latencyMs: NaN, usage: { inputTokens: 100 + line, cachedInputTokens: 10, outputTokens: 20 + line, reasoningTokens: 1 }
    })
  }))
}

export const isBatch = (one: UsageRecord): boolean => one.id.startsWith('batch_')
