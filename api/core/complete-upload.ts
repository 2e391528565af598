import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { createBatchIndexer } from '../../lib/batch-input/index-batch-input.ts'
import { SiraError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { fileObjectKey, getFile } from '../../lib/store/files.ts'
import type { FileRecord } from '../../lib/store/files.ts'
import { ObjectNotFound } from '../../lib/store/object-store.ts'
import type { ObjectStore } from '../../lib/store/object-store.ts'
import { receiveFile } from '../../lib/store/receive-file.ts'
import { completeUpload, getUpload, orderedParts, requirePending } from '../../lib/store/uploads.ts'
import type { PartRecord, UploadRecord } from '../../lib/store/upload-record.ts'
import type { Dependencies } from '../dependencies.ts'
import { discardUncommitted } from './discard-object.ts'

interface CompletionRequest { readonly part_ids: readonly string[], readonly md5?: string }
interface Completion { readonly upload: UploadRecord, readonly file: FileRecord }

/**
 * Joins the parts of an upload into a file, in the given order, through the same pass as a file that comes whole. The SDKs
 * repeat this call after a timeout, so a repeated one gets the file that the first has made.
 */
export async function completeUploadOnce (dependencies: Dependencies, request: FastifyRequest, id: string, body: CompletionRequest): Promise<Completion> {
  const { pool, prisma } = dependencies
  const { caller } = request
  const isRepeated = Number(request.headers['x-stainless-retry-count']) > 0
  try {
    return await complete({ ...dependencies, log: request.log }, await getUpload(pool, caller, id), body)
  } catch (error) {
    if (!(isRepeated && error instanceof SiraError && error.code === 'state_conflict')) throw error
    const upload = await getUpload(pool, caller, id)
    if (upload.fileId === null) throw error
    return { upload, file: await getFile(prisma, caller, upload.fileId) }
  }
}

async function complete ({ config, objects, pool, log }: Pick<Dependencies, 'config' | 'objects' | 'pool'> & { log: FastifyBaseLogger }, upload: UploadRecord, body: CompletionRequest): Promise<Completion> {
  requirePending(upload, 'complete')
  const parts = await orderedParts(pool, upload.id, body.part_ids)
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
  if (bytes !== upload.bytes) throw new SiraError('invalid_request', { reason: `The parts have ${bytes} bytes, and ${upload.bytes} were announced.` })
  const { organizationId, projectId, filename, purpose, fileExpiresInSeconds: expiresInSeconds } = upload
  const id = newId('file')
  const objectKey = fileObjectKey(upload, id)
  const indexer = purpose === 'batch' ? createBatchIndexer(config.batch) : null
  const stored = await receiveFile(objects, objectKey, joinParts(objects, parts), { limit: bytes, indexer, withMd5: body.md5 !== undefined }).catch(async (error: unknown) => {
    // the parts went because the upload was cancelled or completed meanwhile
    if (error instanceof ObjectNotFound) requirePending(await getUpload(pool, upload, upload.id), 'complete')
    throw error
  })
  try {
    if (body.md5 !== undefined && stored.md5 !== body.md5.toLowerCase()) {
      throw new SiraError('invalid_parameter', { param: 'md5', reason: `the parts together have ${stored.md5}.` })
    }
    const file = { id, organizationId, projectId, purpose, filename, bytes, sha256: stored.sha256, objectKey, expiresInSeconds }
    return await completeUpload(pool, upload, file, stored.index)
  } catch (error) {
    await discardUncommitted(objects, objectKey, error, log)
    throw error
  }
}

async function * joinParts (objects: ObjectStore, parts: readonly PartRecord[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield * await objects.get(part.objectKey) as AsyncIterable<Buffer>
}
