import type { Tenant } from '../contracts/jobs.ts'
import { newId } from '../ids.ts'
import { type Page, type PageQuery, readPage, readRow } from './admin-rows.ts'
import type { Queryable } from './database.ts'

export interface PresetRow {
  readonly id: string, readonly name: string, readonly parameters: Record<string, unknown>
  readonly created_at: Date, readonly updated_at: Date, readonly managed_by: string
}

const columns = 'id, name, parameters, created_at, updated_at, managed_by'

/** null when the project has one of the name. */
export async function insertPreset (database: Queryable, tenant: Tenant, name: string, parameters: object): Promise<PresetRow | null> {
  return await readRow(database,
    `INSERT INTO preset (id, organization_id, project_id, name, parameters) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING ${columns}`,
    [newId('preset'), tenant.organizationId, tenant.projectId, name, JSON.stringify(parameters)])
}

export async function listPresets (database: Queryable, tenant: Tenant, page: PageQuery): Promise<Page<PresetRow>> {
  return await readPage(database, `SELECT ${columns} FROM preset WHERE organization_id = $1 AND project_id = $2`, [tenant.organizationId, tenant.projectId], 'id', page)
}

export async function lockPreset (database: Queryable, tenant: Tenant, id: string): Promise<PresetRow | null> {
  return await readRow(database, `SELECT ${columns} FROM preset WHERE organization_id = $1 AND project_id = $2 AND id = $3 FOR UPDATE`, [tenant.organizationId, tenant.projectId, id])
}
