import type pg from 'pg'
import type { ExecutionContext } from 'ava'
import { pino } from 'pino'
import type { Caller, Tenant } from '../../../lib/contracts/jobs.ts'
import type { JobState } from '../../../lib/domain/job-state.ts'
import { newId } from '../../../lib/ids.ts'
import type { Logger } from '../../../lib/log.ts'
import { createPool } from '../../../lib/store/database.ts'
import { createKeyText, createTenant, findCaller, insertKey } from '../../../lib/store/keys.ts'
import { cloneDatabase } from '../../support/database.ts'

export const silent: Logger = pino({ level: 'silent' })

/** A database of the test's own with a pool on it; both are gone when the test is over. */
export async function openDatabase (t: ExecutionContext): Promise<{ url: string, pool: pg.Pool }> {
  const database = await cloneDatabase()
  const pool = createPool(database.url, silent)
  t.teardown(async () => {
    await pool.end()
    await database.drop()
  })
  return { url: database.url, pool }
}

export async function addCaller (pool: pg.Pool, name: string, scopes: string[] = []): Promise<{ caller: Caller, key: string }> {
  const tenant = { organizationId: `org_${name}`, projectId: `proj_${name}` }
  await createTenant(pool, { ...tenant, name })
  const key = createKeyText()
  await insertKey(pool, { ...tenant, name, scopes, text: key })
  return { caller: (await findCaller(pool, key))!, key }
}

/** A job in a given state with the event of its creation, seq 1. */
export async function addJob (pool: pg.Pool, tenant: Tenant, state: JobState = 'queued', total = 100): Promise<string> {
  const id = newId('batch')
  await pool.query(
    `INSERT INTO job (id, kind, organization_id, project_id, api_key_id, state, total, expires_at)
     VALUES ($1, 'batch', $2, $3, 'key_test', $4, $5, now() + interval '1 day')`, [id, tenant.organizationId, tenant.projectId, state, total])
  await pool.query(
    "INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data) VALUES ($1, $2, $3, $4, 1, 'batch.created', '{}')",
    [newId('event'), tenant.organizationId, tenant.projectId, id])
  return id
}

/** What a flush of finished rows does to the job. Returns the new seq. */
export async function addProgress (pool: pg.Pool, id: string, succeeded: number): Promise<number> {
  const { rows } = await pool.query<{ seq: number }>(
    'UPDATE job SET succeeded = succeeded + $2, output_tokens = output_tokens + 10 * $2, cost = cost + 2000000 * $2, rate = 50, seq = seq + 1 WHERE id = $1 RETURNING seq', [id, succeeded])
  return rows[0]!.seq
}
