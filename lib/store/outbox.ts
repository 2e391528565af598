import type { Queryable } from './database.ts'

export type OutboxAction = 'start' | 'cancel' | 'resume' | 'deliver'

/** A message promised to a job's workflow. `workflow` and `input` let a signal start the workflow that a crash left unstarted. */
export interface OutboxEntry {
  readonly resourceId: string
  readonly action: OutboxAction
  readonly workflow: string
  readonly input: { readonly organizationId: string, readonly projectId: string }
}

/** Written in the transaction of the change it tells of. */
export async function insertOutbox (database: Queryable, entry: OutboxEntry): Promise<void> {
  await database.query('INSERT INTO outbox (resource_id, action, workflow, input) VALUES ($1, $2, $3, $4) ON CONFLICT (resource_id, action) DO UPDATE SET created_at = now()',
    [entry.resourceId, entry.action, entry.workflow, entry.input])
}

export async function removeOutbox (database: Queryable, entry: OutboxEntry): Promise<void> {
  await database.query('DELETE FROM outbox WHERE resource_id = $1 AND action = $2', [entry.resourceId, entry.action])
}

/** Entries older than `age` ms, oldest first: their sender has most likely crashed. */
export async function readOverdue (database: Queryable, age: number, limit: number): Promise<OutboxEntry[]> {
  const { rows } = await database.query<{ resource_id: string, action: OutboxAction, workflow: string, input: OutboxEntry['input'] }>(
    'SELECT resource_id, action, workflow, input FROM outbox WHERE created_at < now() - $1 * interval \'1 millisecond\' ORDER BY created_at LIMIT $2', [age, limit])
  return rows.map(row => ({ resourceId: row.resource_id, action: row.action, workflow: row.workflow, input: row.input }))
}
