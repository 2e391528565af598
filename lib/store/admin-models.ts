import { newId } from '../ids.ts'
import { type Page, type PageQuery, readPage, readRow } from './admin-rows.ts'
import type { Queryable } from './database.ts'

export interface DeploymentRow { readonly id: string, readonly model_id: string, readonly provider: string, readonly upstream: string, readonly weight: number, readonly priority: number, readonly prices: Record<string, unknown>, readonly created_at: Date }
export interface ModelRow { readonly id: string, readonly settings: Record<string, unknown>, readonly created_at: Date, readonly updated_at: Date }
export interface NewDeployment { readonly model_id: string, readonly provider: string, readonly upstream: string, readonly weight: number, readonly priority: number, readonly prices: object }

const modelColumns = 'id, settings, created_at, updated_at'
const deploymentColumns = 'id, model_id, provider, upstream, weight, priority, prices, created_at'

/** false when there is one of the name. */
export async function insertModel (database: Queryable, id: string, settings: object): Promise<boolean> {
  return (await database.query('INSERT INTO model (id, settings) VALUES ($1, $2) ON CONFLICT DO NOTHING', [id, JSON.stringify(settings)])).rowCount === 1
}

export async function listModels (database: Queryable): Promise<ModelRow[]> {
  return (await database.query<ModelRow>(`SELECT ${modelColumns} FROM model ORDER BY id`)).rows
}

export async function lockModel (database: Queryable, id: string): Promise<ModelRow | null> {
  return await readRow(database, `SELECT ${modelColumns} FROM model WHERE id = $1 FOR UPDATE`, [id])
}

export async function listDeployments (database: Queryable, filter: PageQuery & { model_id?: string }): Promise<Page<DeploymentRow>> {
  return await readPage(database, `SELECT ${deploymentColumns} FROM deployment WHERE ($1::text IS NULL OR model_id = $1)`, [filter.model_id ?? null], 'id', filter)
}

export async function lockDeployment (database: Queryable, id: string): Promise<DeploymentRow | null> {
  return await readRow(database, `SELECT ${deploymentColumns} FROM deployment WHERE id = $1 FOR UPDATE`, [id])
}

export async function insertDeployment (database: Queryable, deployment: NewDeployment): Promise<DeploymentRow> {
  return (await readRow<DeploymentRow>(database,
    `INSERT INTO deployment (id, model_id, provider, upstream, weight, priority, prices) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${deploymentColumns}`,
    [newId('deployment'), deployment.model_id, deployment.provider, deployment.upstream, deployment.weight, deployment.priority, JSON.stringify(deployment.prices)]))!
}
