import { newId } from '../ids.ts'
import { type Page, type PageQuery, type Reach, readPage, readRow } from './admin-rows.ts'
import type { Queryable } from './database.ts'

export interface OrganizationRow { readonly id: string, readonly name: string, readonly created_at: Date, readonly archived_at: Date | null, readonly managed_by: string }
export interface ProjectRow extends OrganizationRow { readonly organization_id: string }

const organizationColumns = 'id, name, created_at, archived_at, managed_by'
const projectColumns = `organization_id, ${organizationColumns}`

export async function insertOrganization (database: Queryable, name: string): Promise<OrganizationRow> {
  return (await readRow<OrganizationRow>(database, `INSERT INTO organization (id, name) VALUES ($1, $2) RETURNING ${organizationColumns}`, [newId('organization'), name]))!
}

export async function listOrganizations (database: Queryable, reach: Reach, page: PageQuery): Promise<Page<OrganizationRow>> {
  return await readPage(database, `SELECT ${organizationColumns} FROM organization WHERE ($1::text IS NULL OR id = $1)`, [reach.organizationId], 'id', page)
}

export async function readOrganization (database: Queryable, reach: Reach, id: string): Promise<OrganizationRow | null> {
  return await readRow(database, `SELECT ${organizationColumns} FROM organization WHERE id = $1 AND ($2::text IS NULL OR id = $2)`, [id, reach.organizationId])
}

export async function insertProject (database: Queryable, organizationId: string, name: string): Promise<ProjectRow> {
  return (await readRow<ProjectRow>(database, `INSERT INTO project (id, organization_id, name) VALUES ($1, $2, $3) RETURNING ${projectColumns}`, [newId('project'), organizationId, name]))!
}

export async function listProjects (database: Queryable, reach: Reach, page: PageQuery): Promise<Page<ProjectRow>> {
  return await readPage(database, `SELECT ${projectColumns} FROM project WHERE ($1::text IS NULL OR organization_id = $1)`, [reach.organizationId], 'id', page)
}

export async function readProject (database: Queryable, reach: Reach, id: string): Promise<ProjectRow | null> {
  return await readRow(database, `SELECT ${projectColumns} FROM project WHERE id = $1 AND ($2::text IS NULL OR organization_id = $2)`, [id, reach.organizationId])
}

/** Keys of what is archived stop; its data stays. A second time changes nothing. */
export async function archive (database: Queryable, table: 'organization' | 'project', id: string): Promise<void> {
  await database.query(`UPDATE ${table} SET archived_at = now() WHERE id = $1 AND archived_at IS NULL`, [id])
}
