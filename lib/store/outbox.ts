import type { Queryable } from './database.ts'

export type OutboxAction = 'start' | 'cancel' | 'resume' | 'deliver'

/** A message promised to a job's workflow. `workflow` and `input` let a signal start the workflow that a crash left unstarted. */
export interface OutboxEntry {
  readonly resourceId: string
  readonly action: OutboxAction
  readonly workflow: string
  readonly input: { readonly organizationId: string, readonly projectId: string }
  /** Of the row that was written or read, so that removing it never removes a promise made since. Absent: the job makes this promise once. */
  readonly version?: string
}

/** Written in the transaction of the change it tells of. */
export async function insertOutbox (database: Queryable, entry: OutboxEntry): Promise<void> {
  await database.query('INSERT INTO outbox (resource_id, action, workflow, input) VALUES ($1, $2, $3, $4) ON CONFLICT (resource_id, action) DO UPDATE SET created_at = now()',
    [entry.resourceId, entry.action, entry.workflow, entry.input])
}

/** With `version`, only the very row that was sent: xmin, the transaction that wrote it, is another one when the promise was made again meanwhile. */
export async function removeOutbox (database: Queryable, entry: OutboxEntry): Promise<void> {
  await database.query('DELETE FROM outbox WHERE resource_id = $1 AND action = $2 AND ($3::text IS NULL OR xmin::text = $3)', [entry.resourceId, entry.action, entry.version ?? null])
}

/** Entries older than `age` ms, oldest first: their sender has most likely crashed. */
export async function readOverdue (database: Queryable, age: number, limit: number): Promise<OutboxEntry[]> {
  const { rows } = await database.query<{ resource_id: string, action: OutboxAction, workflow: string, input: OutboxEntry['input'], version: string }>(
    'SELECT resource_id, action, workflow, input, xmin::text AS version FROM outbox WHERE created_at < now() - $1 * interval \'1 millisecond\' ORDER BY created_at LIMIT $2', [age, limit])
  return rows.map(row => ({ resourceId: row.resource_id, action: row.action, workflow: row.workflow, input: row.input, version: row.version }))
}
