import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Pool, PoolClient } from 'pg'
import { newId } from '../ids.ts'
import { inTransaction } from '../store/database.ts'
import { hashKey } from '../store/keys.ts'
import { parseAccess } from './access-file.ts'
import type { AccessFile } from './access-types.ts'

/** Arbitrary but fixed: several processes that start at once apply the file one after the other. */
const APPLY_LOCK = 7_231_907

/** The sections on access of SIRA_CONFIG; null without a file. Throws one Error that lists every fault with its line. */
export function loadAccess (path: string | null, environment: Readonly<Record<string, string | undefined>>): AccessFile | null {
  return path === null ? null : parseAccess(basename(path), readFileSync(path, 'utf8'), environment)
}

/**
 * Makes the rows that the configuration file owns what the file says, in one transaction: what is new or changed is written, keys no
 * longer in it are revoked, organizations and projects archived, the rest is removed. Rows made through the API stay as they are;
 * an id of the file that is one of theirs is refused. Repeating it changes nothing.
 */
export async function applyAccess (pool: Pool, file: AccessFile): Promise<void> {
  await inTransaction(pool, async client => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [APPLY_LOCK])
    for (const { id, name } of file.organizations) {
      await own(client, 'organization', id)
      await client.query(`INSERT INTO organization (id, name, managed_by) VALUES ($1, $2, 'config')
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, archived_at = NULL`, [id, name])
    }
    for (const { id, organization, name } of file.projects) {
      await own(client, 'project', id)
      await client.query(`INSERT INTO project (id, organization_id, name, managed_by) VALUES ($1, $2, $3, 'config')
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, archived_at = NULL`, [id, organization, name])
    }
    for (const key of file.keys) await applyKey(client, key)
    await client.query("UPDATE api_key SET revoked_at = now() WHERE managed_by = 'config' AND revoked_at IS NULL AND id <> ALL($1)", [ids(file.keys)])
    await client.query("UPDATE project SET archived_at = now() WHERE managed_by = 'config' AND archived_at IS NULL AND id <> ALL($1)", [ids(file.projects)])
    await client.query("UPDATE organization SET archived_at = now() WHERE managed_by = 'config' AND archived_at IS NULL AND id <> ALL($1)", [ids(file.organizations)])
    await applyLimits(client, file)
    await applyBudgets(client, file)
    await applyPresets(client, file)
  })
}

const ids = (entries: ReadonlyArray<{ readonly id: string }>): string[] => entries.map(entry => entry.id)

async function own (client: PoolClient, table: 'organization' | 'project' | 'api_key', id: string): Promise<void> {
  const { rows } = await client.query(`SELECT 1 FROM ${table} WHERE id = $1 AND managed_by <> 'config'`, [id])
  if (rows.length > 0) throw new Error(`Configuration file: ${id} was made through the API; choose another id`)
}

async function applyKey (client: PoolClient, key: AccessFile['keys'][number]): Promise<void> {
  await own(client, 'api_key', key.id)
  await client.query(
    `INSERT INTO api_key (id, organization_id, project_id, name, scopes, models, allowed_ips, cache_ttl_seconds, managed_by)
     SELECT $1, organization_id, id, $3, $4, $5, $6, $7, 'config' FROM project WHERE id = $2
     ON CONFLICT (id) DO UPDATE SET organization_id = excluded.organization_id, project_id = excluded.project_id, name = excluded.name, scopes = excluded.scopes,
       models = excluded.models, allowed_ips = excluded.allowed_ips, cache_ttl_seconds = excluded.cache_ttl_seconds, revoked_at = NULL`,
    [key.id, key.project, key.name, key.scopes, key.models, key.allowedIps, key.cacheTtlSeconds])
  const hash = hashKey(key.text)
  await client.query('DELETE FROM key_secret WHERE key_id = $1 AND hash <> $2', [key.id, hash])
  const { rows } = await client.query<{ key_id: string }>(
    'INSERT INTO key_secret (hash, key_id, hint) VALUES ($1, $2, $3) ON CONFLICT (hash) DO UPDATE SET hint = excluded.hint RETURNING key_id', [hash, key.id, key.text.slice(-4)])
  if (rows[0]!.key_id !== key.id) throw new Error(`Configuration file: the text of ${key.id} is that of another key`)
}

async function applyLimits (client: PoolClient, file: AccessFile): Promise<void> {
  await client.query("DELETE FROM usage_limit WHERE managed_by = 'config'")
  for (const limit of file.limits) {
    const organization = limit.kind === 'model' ? limit.organization : organizationOf(file, limit.kind, limit.subject)
    const { rowCount } = await client.query(
      `INSERT INTO usage_limit (id, organization_id, subject_kind, subject_id, requests_per_minute, tokens_per_minute, concurrency, managed_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'config') ON CONFLICT DO NOTHING`,
      [newId('limit'), organization, limit.kind, limit.subject, limit.requestsPerMinute, limit.tokensPerMinute, limit.concurrency])
    if (rowCount === 0) throw new Error(`Configuration file: line ${limit.line}: ${limit.kind} ${limit.subject} has a limit already`)
  }
}

/** A budget that stays keeps its row, and with it what was spent of it. */
async function applyBudgets (client: PoolClient, file: AccessFile): Promise<void> {
  const kept: string[] = []
  for (const budget of file.budgets) {
    const values = [budget.kind, budget.subject, budget.period, budget.amount.toString(), budget.hard, budget.thresholds]
    const { rows } = await client.query<{ id: string }>(
      `UPDATE budget SET amount = $4, hard = $5, thresholds = $6 WHERE id = (
         SELECT id FROM budget WHERE managed_by = 'config' AND subject_kind = $1 AND subject_id = $2 AND period = $3 AND id <> ALL($7) ORDER BY id LIMIT 1
       ) RETURNING id`, [...values, kept])
    const id = rows[0]?.id ?? newId('budget')
    kept.push(id)
    if (rows.length > 0) continue
    await client.query('INSERT INTO budget (id, organization_id, subject_kind, subject_id, period, amount, hard, thresholds, managed_by) VALUES ($7, $8, $1, $2, $3, $4, $5, $6, \'config\')',
      [...values, id, organizationOf(file, budget.kind, budget.subject)])
  }
  await client.query("DELETE FROM budget WHERE managed_by = 'config' AND id <> ALL($1)", [kept])
}

/**
 * One of the API that says the same becomes the file's: nobody loses anything by it, and before column managed_by was there all
 * counted as the API's.
 */
async function applyPresets (client: PoolClient, file: AccessFile): Promise<void> {
  const kept: string[] = []
  for (const { project, name, parameters } of file.presets) {
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO preset (id, organization_id, project_id, name, parameters, managed_by) VALUES ($1, $2, $3, $4, $5, 'config')
       ON CONFLICT (project_id, name) DO UPDATE SET parameters = excluded.parameters, managed_by = 'config',
         updated_at = CASE WHEN preset.parameters = excluded.parameters THEN preset.updated_at ELSE now() END
       WHERE preset.managed_by = 'config' OR preset.parameters = excluded.parameters RETURNING id`,
      [newId('preset'), organizationOf(file, 'project', project), project, name, JSON.stringify(parameters)])
    if (rows[0] === undefined) throw new Error(`Configuration file: preset ${name} of ${project} was made through the API; choose another name`)
    kept.push(rows[0].id)
  }
  await client.query("DELETE FROM preset WHERE managed_by = 'config' AND id <> ALL($1)", [kept])
}

function organizationOf (file: AccessFile, kind: 'organization' | 'project' | 'key', id: string): string {
  if (kind === 'organization') return id
  const project = kind === 'project' ? id : file.keys.find(key => key.id === id)!.project
  return file.projects.find(entry => entry.id === project)!.organization
}
