import type { Prisma, PrismaClient } from '../../prisma/generated/client.ts'
import type { FileIndex } from '../contracts/batch-input.ts'
import type { Tenant } from '../contracts/jobs.ts'
import { terminalStates } from '../domain/job-state.ts'
import { SiraError } from '../errors.ts'
import type { Queryable } from './database.ts'
import type { ObjectStore } from './object-store.ts'

/** What a new file is. Its id is made before its bytes are stored, because its object is named after it. */
export interface NewFile extends Tenant {
  readonly id: string
  readonly purpose: string
  readonly filename: string
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
  readonly objectKey: string
  readonly expiresAt: Date | null
}

export interface FileRecord extends NewFile {
  readonly createdAt: Date
}

/**
 * Where a file's bytes are. Without folders: an S3 server on a file system removes a folder with its last object, and
 * refuses what is put into it at that moment (versitygw: ExistingObjectIsDirectory).
 */
export function fileObjectKey ({ organizationId, projectId }: Tenant, id: string): string {
  return `${organizationId}.${projectId}.${id}`
}

/** Creates the row of a stored file, with its index where it has one. For a transaction of the caller's. */
export async function createFile (client: Queryable, file: Omit<NewFile, 'expiresAt'> & { expiresInSeconds: number | null }, index: FileIndex | null): Promise<FileRecord> {
  const { rows: [times] } = await client.query<{ created_at: Date, expires_at: Date | null }>(
    `INSERT INTO file (id, organization_id, project_id, purpose, filename, bytes, sha256, object_key, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now() + make_interval(secs => $9)) RETURNING created_at, expires_at`,
    [file.id, file.organizationId, file.projectId, file.purpose, file.filename, file.bytes, file.sha256, file.objectKey, file.expiresInSeconds])
  if (index !== null) {
    const { rows, chunks, urls, models, errors, errorCount } = index
    await client.query(
      'INSERT INTO file_index (file_id, rows, chunks, urls, models, errors, error_count) VALUES ($1, $2, $3, $4, $5, $6, $7)',
      [file.id, rows, ...[chunks, urls, models, errors].map(value => JSON.stringify(value)), errorCount])
  }
  const { id, organizationId, projectId, purpose, filename, bytes, sha256, objectKey } = file
  return { id, organizationId, projectId, purpose, filename, bytes, sha256, objectKey, createdAt: times!.created_at, expiresAt: times!.expires_at }
}

/**
 * The row of an output file. One that is there already is left as it is, because its id was reserved for it, and a repeated
 * finalisation stores the same bytes.
 */
export async function createFileRow (client: Queryable, file: NewFile): Promise<void> {
  await client.query(
    `INSERT INTO file (id, organization_id, project_id, purpose, filename, bytes, sha256, object_key, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING`,
    [file.id, file.organizationId, file.projectId, file.purpose, file.filename, file.bytes, file.sha256, file.objectKey, file.expiresAt])
}

/** One file of the tenant, or null: deleted, expired and foreign files do not exist. */
export async function findFile (prisma: PrismaClient, tenant: Tenant, id: string): Promise<FileRecord | null> {
  const row = await prisma.file.findFirst({ where: { id, ...visible(tenant) } })
  return row === null ? null : toRecord(row)
}

/** findFile for a route: throws not_found. */
export async function getFile (prisma: PrismaClient, tenant: Tenant, id: string): Promise<FileRecord> {
  const file = await findFile(prisma, tenant, id)
  if (file === null) throw new SiraError('not_found', { resource: 'file', id })
  return file
}

interface FileIndexRow {
  id: string, organization_id: string, project_id: string, purpose: string, filename: string, bytes: number, sha256: string, object_key: string
  created_at: Date, expires_at: Date | null
  rows: number | null, chunks: FileIndex['chunks'], urls: FileIndex['urls'], models: FileIndex['models'], errors: FileIndex['errors'], error_count: number
}

/** A file with what was found in it when it was stored; index null = it was not stored as batch input. */
export async function readFileWithIndex (database: Queryable, tenant: Tenant, id: string): Promise<FileRecord & { index: FileIndex | null } | null> {
  const { rows: [row] } = await database.query<FileIndexRow>(
    `SELECT file.*, rows, chunks, urls, models, errors, error_count FROM file LEFT JOIN file_index ON file_id = id
     WHERE id = $1 AND organization_id = $2 AND project_id = $3 AND deleted_at IS NULL AND (expires_at IS NULL OR expires_at > now())`,
    [id, tenant.organizationId, tenant.projectId])
  if (row === undefined) return null
  const { rows, chunks, urls, models, errors } = row
  return {
    id: row.id,
    organizationId: row.organization_id,
    projectId: row.project_id,
    purpose: row.purpose,
    filename: row.filename,
    bytes: row.bytes,
    sha256: row.sha256,
    objectKey: row.object_key,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    index: rows === null ? null : { rows, chunks, urls, models, errors, errorCount: row.error_count }
  }
}

export interface FilePage {
  readonly purpose?: string | undefined
  readonly order: 'asc' | 'desc'
  readonly limit: number
  /** id of the last file of the page before. */
  readonly after?: string | undefined
}

/** Files by (created_at, id). `after` may have been deleted since, so that a caller can delete what it lists. */
export async function listFiles (prisma: PrismaClient, tenant: Tenant, { purpose, order, limit, after }: FilePage): Promise<{ data: FileRecord[], hasMore: boolean }> {
  const conditions: Prisma.FileWhereInput[] = [visible(tenant)]
  if (purpose !== undefined) conditions.push({ purpose })
  if (after !== undefined) {
    const { organizationId, projectId } = tenant
    const cursor = await prisma.file.findFirst({ where: { id: after, organizationId, projectId }, select: { id: true, createdAt: true } })
    if (cursor === null) throw new SiraError('invalid_parameter', { param: 'after', reason: 'it is not the id of a file.' })
    const beyond = order === 'asc' ? 'gt' : 'lt'
    conditions.push({ OR: [{ createdAt: { [beyond]: cursor.createdAt } }, { createdAt: cursor.createdAt, id: { [beyond]: cursor.id } }] })
  }
  const rows = await prisma.file.findMany({ where: { AND: conditions }, orderBy: [{ createdAt: order }, { id: order }], take: limit + 1 })
  return { data: rows.slice(0, limit).map(toRecord), hasMore: rows.length > limit }
}

/**
 * Deletes a file: it is invisible at once, and its object goes with it unless an unfinished batch still reads it; then, or
 * when the object store fails, sweepFiles removes it later. Returns false if there was no such file.
 */
export async function deleteFile (
  prisma: PrismaClient, objects: ObjectStore, tenant: Tenant, id: string, log: { warn: (context: object, message: string) => void }
): Promise<boolean> {
  const { count } = await prisma.file.updateMany({ where: { id, ...visible(tenant) }, data: { deletedAt: new Date() } })
  if (count === 0) return false
  // only now: a batch that is created from here on does not find the file and ends with file_not_found
  const reader = await prisma.batch.findFirst({ where: { inputFileId: id, job: { state: { notIn: [...terminalStates] } } }, select: { id: true } })
  if (reader !== null) return true
  try {
    const { objectKey } = await prisma.file.findUniqueOrThrow({ where: { id }, select: { objectKey: true } })
    await objects.remove(objectKey)
  } catch (error) {
    log.warn({ err: error, file: id }, 'object of a deleted file left to the sweeper')
  }
  return true
}

function visible ({ organizationId, projectId }: Tenant): Prisma.FileWhereInput {
  return { organizationId, projectId, deletedAt: null, AND: { OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }] } }
}

function toRecord (row: Prisma.FileGetPayload<object>): FileRecord {
  const { id, organizationId, projectId, purpose, filename, sha256, objectKey, createdAt, expiresAt } = row
  return { id, organizationId, projectId, purpose, filename, bytes: Number(row.bytes), sha256, objectKey, createdAt, expiresAt }
}
