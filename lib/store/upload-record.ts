import type { Tenant } from '../contracts/jobs.ts'
import type { Queryable } from './database.ts'

export type UploadStatus = 'pending' | 'completed' | 'cancelled' | 'expired'

export interface NewUpload {
  readonly filename: string
  readonly purpose: string
  /** Of the whole file, as announced. */
  readonly bytes: number
  readonly mimeType: string
  readonly fileExpiresInSeconds: number | null
}

export interface UploadRecord extends Tenant, NewUpload {
  readonly id: string
  readonly status: UploadStatus
  readonly fileId: string | null
  readonly createdAt: Date
  readonly expiresAt: Date
}

export interface PartRecord {
  readonly id: string
  readonly uploadId: string
  readonly bytes: number
  readonly objectKey: string
  readonly createdAt: Date
}

export interface UploadRow {
  id: string, organization_id: string, project_id: string, filename: string, purpose: string, bytes: number, mime_type: string
  file_expires_in_seconds: number | null, file_id: string | null, status: UploadStatus, created_at: Date, expires_at: Date
}

/** A pending upload whose hour is over reads as expired, whether or not the sweeper was there. */
export const uploadColumns = `id, organization_id, project_id, filename, purpose, bytes, mime_type, file_expires_in_seconds, file_id, created_at, expires_at,
  CASE WHEN status = 'pending' AND expires_at <= now() THEN 'expired' ELSE status END AS status`

export async function readUpload (database: Queryable, tenant: Tenant, id: string): Promise<UploadRecord | null> {
  const { rows: [row] } = await database.query<UploadRow>(
    `SELECT ${uploadColumns} FROM upload WHERE id = $1 AND organization_id = $2 AND project_id = $3`, [id, tenant.organizationId, tenant.projectId])
  return row === undefined ? null : toUploadRecord(row)
}

export function toUploadRecord (row: UploadRow): UploadRecord {
  return {
    id: row.id,
    organizationId: row.organization_id,
    projectId: row.project_id,
    filename: row.filename,
    purpose: row.purpose,
    bytes: row.bytes,
    mimeType: row.mime_type,
    fileExpiresInSeconds: row.file_expires_in_seconds,
    fileId: row.file_id,
    status: row.status,
    createdAt: row.created_at,
    expiresAt: row.expires_at
  }
}
