import type { Pool } from 'pg'
import type { FileIndex } from '../contracts/batch-input.ts'
import type { Tenant } from '../contracts/jobs.ts'
import { SiraError } from '../errors.ts'
import { newId } from '../ids.ts'
import { inTransaction } from './database.ts'
import type { Queryable } from './database.ts'
import { createFile } from './files.ts'
import type { FileRecord } from './files.ts'
import { readUpload, toUploadRecord, uploadColumns } from './upload-record.ts'
import type { NewUpload, PartRecord, UploadRecord, UploadRow } from './upload-record.ts'

/** OpenAI's: an upload takes parts for one hour; a part has at most 64 MB. */
const lifetimeSeconds = 60 * 60
export const partLimit = 64 * 1024 * 1024
export const maxParts = 10_000

export async function createUpload (client: Queryable, { organizationId, projectId }: Tenant, upload: NewUpload): Promise<UploadRecord> {
  const { rows: [row] } = await client.query<UploadRow>(
    `INSERT INTO upload (id, organization_id, project_id, filename, purpose, bytes, mime_type, file_expires_in_seconds, status, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', now() + make_interval(secs => $9)) RETURNING ${uploadColumns}`,
    [newId('upload'), organizationId, projectId, upload.filename, upload.purpose, upload.bytes, upload.mimeType, upload.fileExpiresInSeconds, lifetimeSeconds])
  return toUploadRecord(row!)
}

/** Throws not_found. */
export async function getUpload (database: Queryable, tenant: Tenant, id: string): Promise<UploadRecord> {
  const upload = await readUpload(database, tenant, id)
  if (upload === null) throw new SiraError('not_found', { resource: 'upload', id })
  return upload
}

/** Throws state_conflict unless the upload is pending. */
export function requirePending (upload: UploadRecord, action: string): void {
  if (upload.status !== 'pending') throw new SiraError('state_conflict', { action, resource: 'upload', state: upload.status })
}

/** Without folders, as fileObjectKey says. */
export function partObjectKey ({ organizationId, projectId }: Tenant, partId: string): string {
  return `${organizationId}.${projectId}.${partId}`
}

/**
 * Adds a stored part to a pending upload. The sum of all parts may pass the announced size, because a part that was sent
 * twice counts twice, but not without bound: twice the size and one part.
 */
export async function addPart (pool: Pool, tenant: Tenant, uploadId: string, part: { id: string, bytes: number, objectKey: string }): Promise<PartRecord> {
  return await inTransaction(pool, async client => {
    const upload = await lockUpload(client, tenant, uploadId)
    requirePending(upload, 'add a part to')
    const { rows: [stored] } = await client.query<{ bytes: string, parts: number }>(
      'SELECT coalesce(sum(bytes), 0) AS bytes, count(*) AS parts FROM upload_part WHERE upload_id = $1', [uploadId])
    const limit = 2 * upload.bytes + partLimit
    if (Number(stored!.bytes) + part.bytes > limit) throw new SiraError('payload_too_large', { limit })
    if (stored!.parts >= maxParts) throw new SiraError('invalid_request', { reason: `An upload has at most ${maxParts} parts.` })
    const { rows: [row] } = await client.query<{ created_at: Date }>(
      'INSERT INTO upload_part (id, upload_id, bytes, object_key) VALUES ($1, $2, $3, $4) RETURNING created_at', [part.id, uploadId, part.bytes, part.objectKey])
    return { ...part, uploadId, createdAt: row!.created_at }
  })
}

/** The named parts in the given order. Throws invalid_parameter for one that is unknown or named twice. */
export async function orderedParts (database: Queryable, uploadId: string, ids: readonly string[]): Promise<PartRecord[]> {
  const { rows } = await database.query<{ id: string, bytes: number, object_key: string, created_at: Date }>(
    'SELECT id, bytes, object_key, created_at FROM upload_part WHERE upload_id = $1', [uploadId])
  const left = new Map(rows.map(row => [row.id, row]))
  return ids.map(id => {
    const row = left.get(id)
    if (row === undefined) throw new SiraError('invalid_parameter', { param: 'part_ids', reason: `${id} is not a part of this upload or is named twice.` })
    left.delete(id)
    return { id, uploadId, bytes: row.bytes, objectKey: row.object_key, createdAt: row.created_at }
  })
}

/**
 * Turns a pending upload into a file, once: whoever comes second gets state_conflict. A completion that began in time may
 * end after the expiry, so only the stored status counts.
 */
export async function completeUpload (
  pool: Pool, upload: UploadRecord, file: Parameters<typeof createFile>[1], index: FileIndex | null
): Promise<{ upload: UploadRecord, file: FileRecord }> {
  return await inTransaction(pool, async client => {
    const { rows: [row] } = await client.query<UploadRow>(
      `UPDATE upload SET status = 'completed', file_id = $2 WHERE id = $1 AND status = 'pending' RETURNING ${uploadColumns}`, [upload.id, file.id])
    if (row === undefined) throw new SiraError('state_conflict', { action: 'complete', resource: 'upload', state: (await getUpload(client, upload, upload.id)).status })
    return { upload: toUploadRecord(row), file: await createFile(client, file, index) }
  })
}

/** Idempotent. Throws state_conflict for a completed or expired upload. */
export async function cancelUpload (pool: Pool, tenant: Tenant, id: string): Promise<UploadRecord> {
  return await inTransaction(pool, async client => {
    const upload = await lockUpload(client, tenant, id)
    if (upload.status === 'cancelled') return upload
    requirePending(upload, 'cancel')
    await client.query("UPDATE upload SET status = 'cancelled' WHERE id = $1", [id])
    return { ...upload, status: 'cancelled' }
  })
}

/** Parts, completion and cancellation of one upload take turns. */
async function lockUpload (client: Queryable, tenant: Tenant, id: string): Promise<UploadRecord> {
  await client.query('SELECT FROM upload WHERE id = $1 AND project_id = $2 FOR UPDATE', [id, tenant.projectId])
  return await getUpload(client, tenant, id)
}
