import type { PoolClient } from 'pg'

export interface Replay {
  readonly requestHash: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Takes the key for this transaction; false when another request holds it now. The lock ends with the transaction, so a crash leaves nothing behind. */
export async function tryClaim (client: PoolClient, projectId: string, key: string): Promise<boolean> {
  const { rows } = await client.query<{ claimed: boolean }>('SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS claimed', [`${projectId} ${key}`])
  return rows[0]!.claimed
}

/**
 * For a first try that may have equals: they hold the key together, and only a retry of theirs finds it taken. Waits while
 * such a retry is being answered.
 */
export async function shareClaim (client: PoolClient, projectId: string, key: string): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [`${projectId} ${key}`])
}

export async function readReplay (client: PoolClient, projectId: string, key: string): Promise<Replay | null> {
  const { rows } = await client.query<{ request_hash: string, status: number, headers: Record<string, string>, body: string }>(
    'SELECT request_hash, status, headers, body FROM idempotency WHERE project_id = $1 AND key = $2 AND expires_at > now()', [projectId, key])
  const row = rows[0]
  return row === undefined ? null : { requestHash: row.request_hash, status: row.status, headers: row.headers, body: row.body }
}

/** Stores the answer in the transaction that creates the resource. An expired or older SDK entry of the same key is replaced. */
export async function saveReplay (client: PoolClient, entry: Replay & { projectId: string, key: string, minutes: number }): Promise<void> {
  await client.query(
    `INSERT INTO idempotency (project_id, key, request_hash, status, headers, body, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(mins => $7))
     ON CONFLICT (project_id, key) DO UPDATE SET request_hash = excluded.request_hash, status = excluded.status, headers = excluded.headers,
       body = excluded.body, created_at = now(), expires_at = excluded.expires_at`,
    [entry.projectId, entry.key, entry.requestHash, entry.status, entry.headers, entry.body, entry.minutes])
}

/** Removes what can no longer be replayed. Returns how many. */
export async function sweepReplays (client: { query: PoolClient['query'] }): Promise<number> {
  const { rowCount } = await client.query('DELETE FROM idempotency WHERE (project_id, key) IN (SELECT project_id, key FROM idempotency WHERE expires_at < now() LIMIT 1000)')
  return rowCount ?? 0
}
