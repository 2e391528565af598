import { Type } from '@fastify/type-provider-typebox'
import type { FastifyPluginAsyncTypebox, Static } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger } from 'fastify'
import { SiraError } from '../../../lib/errors.ts'
import { newId } from '../../../lib/ids.ts'
import type { FileRecord } from '../../../lib/store/files.ts'
import { receiveFile } from '../../../lib/store/receive-file.ts'
import { removeUploadParts } from '../../../lib/store/sweep-uploads.ts'
import type { UploadRecord } from '../../../lib/store/upload-record.ts'
import { addPart, cancelUpload, createUpload, getUpload, maxParts, partLimit, partObjectKey, requirePending } from '../../../lib/store/uploads.ts'
import { completeUploadOnce } from '../../core/complete-upload.ts'
import { discardObject, discardUncommitted } from '../../core/discard-object.ts'
import { cleanFilename } from '../../filename.ts'
import { acceptMultipart, formValidator, readForm } from '../../multipart.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import { createOnce } from '../../plugins/idempotency.ts'
import { ExpiresAfter, OneOf } from '../../schemas.ts'
import { filePurposes, OpenAIFile, serializeOpenAIFile, unixSeconds } from '../../serialize-openai-file.ts'

const tags = ['Uploads']
const UploadId = Type.Object({ id: Type.String({ maxLength: 200 }) })
const OpenAIUpload = Type.Object({
  id: Type.String(),
  object: Type.Literal('upload'),
  bytes: Type.Integer(),
  created_at: Type.Integer({ description: 'unix seconds' }),
  expires_at: Type.Integer({ description: 'unix seconds' }),
  filename: Type.String(),
  purpose: Type.String(),
  status: OneOf(['pending', 'completed', 'cancelled', 'expired'] as const),
  file: Type.Optional(OpenAIFile)
})
const OpenAIPart = Type.Object({
  id: Type.String(),
  object: Type.Literal('upload.part'),
  created_at: Type.Integer({ description: 'unix seconds' }),
  upload_id: Type.String()
})
const CreateUpload = Type.Object({
  filename: Type.String({ minLength: 1, maxLength: 1_000 }),
  purpose: OneOf(filePurposes),
  bytes: Type.Integer({ minimum: 1 }),
  mime_type: Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' }),
  expires_after: Type.Optional(ExpiresAfter)
})
const CompleteUpload = Type.Object({
  part_ids: Type.Array(Type.String({ maxLength: 200 }), { minItems: 1, maxItems: maxParts }),
  md5: Type.Optional(Type.String({ pattern: '^[0-9a-fA-F]{32}$', description: 'hex, of the whole file' }))
})
const PartForm = Type.Object({ data: Type.Unsafe<unknown>({ type: 'string', format: 'binary' }) })

const uploads: FastifyPluginAsyncTypebox = async app => {
  requireScopeOf(app, 'files')
  const { dependencies } = app
  const { config, pool, objects } = dependencies
  await acceptMultipart(app)

  app.post('/uploads', {
    schema: { tags, summary: 'Begin a file that is sent in parts', body: CreateUpload, response: { 200: OpenAIUpload } }
  }, async (request, reply) => {
    const { filename, purpose, bytes, mime_type: mimeType, expires_after: expiresAfter } = request.body
    if (bytes > config.api.fileLimit) throw new SiraError('payload_too_large', { limit: config.api.fileLimit }, { param: 'bytes' })
    const upload = { filename: cleanFilename(filename), purpose, bytes, mimeType, fileExpiresInSeconds: expiresAfter?.seconds ?? null }
    const answer = await createOnce(pool, request, reply, async client => {
      const created = await createUpload(client, request.caller, upload)
      return { status: 200, headers: {}, body: JSON.stringify(serialize(created)) }
    })
    return JSON.parse(answer.body)
  })

  app.post('/uploads/:id/parts', {
    schema: { tags, summary: 'Add a part of at most 64 MB', consumes: ['multipart/form-data'], params: UploadId, body: PartForm, response: { 200: OpenAIPart } },
    validatorCompiler: formValidator
  }, async request => {
    const { caller, params: { id: uploadId } } = request
    requirePending(await getUpload(pool, caller, uploadId), 'add a part to')
    const id = newId('part')
    const objectKey = partObjectKey(caller, id)
    const discard = async (): Promise<void> => { await discardObject(objects, objectKey, request.log) }
    const { stored } = await readForm(request, 'data', {
      store: async ({ source }) => await receiveFile(objects, objectKey, source, { limit: partLimit, indexer: null }),
      discard
    })
    try {
      const part = await addPart(pool, caller, uploadId, { id, bytes: stored.bytes, objectKey })
      return { id, object: 'upload.part' as const, created_at: unixSeconds(part.createdAt), upload_id: uploadId }
    } catch (error) {
      await discardUncommitted(objects, objectKey, error, request.log)
      throw error
    }
  })

  app.post('/uploads/:id/complete', {
    schema: { tags, summary: 'Make a file of the parts', params: UploadId, body: CompleteUpload, response: { 200: OpenAIUpload } }
  }, async request => {
    const { upload, file } = await completeUploadOnce(dependencies, request, request.params.id, request.body)
    await removeParts(upload.id, request.log)
    return serialize(upload, file)
  })

  app.post('/uploads/:id/cancel', {
    schema: { tags, summary: 'Drop an upload and its parts', params: UploadId, response: { 200: OpenAIUpload } }
  }, async request => {
    const upload = await cancelUpload(pool, request.caller, request.params.id)
    await removeParts(upload.id, request.log)
    return serialize(upload)
  })

  async function removeParts (uploadId: string, log: FastifyBaseLogger): Promise<void> {
    await removeUploadParts(pool, objects, uploadId).catch((error: unknown) => {
      log.warn({ err: error, upload: uploadId }, 'parts of an ended upload left to the sweeper')
    })
  }
}

function serialize (upload: UploadRecord, file?: FileRecord): Static<typeof OpenAIUpload> {
  const { id, bytes, createdAt, expiresAt, filename, purpose, status } = upload
  return {
    id,
    object: 'upload',
    bytes,
    created_at: unixSeconds(createdAt),
    expires_at: unixSeconds(expiresAt),
    filename,
    purpose,
    status,
    ...(file === undefined ? {} : { file: serializeOpenAIFile(file) })
  }
}

export default uploads
