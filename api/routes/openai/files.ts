import { Readable } from 'node:stream'
import { Type } from '@fastify/type-provider-typebox'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { SiraError } from '../../../lib/errors.ts'
import { deleteFile, getFile, listFiles } from '../../../lib/store/files.ts'
import { ObjectNotFound } from '../../../lib/store/object-store.ts'
import { createFileFromForm } from '../../core/create-file.ts'
import { exactBytes } from '../../core/exact-bytes.ts'
import { contentDisposition } from '../../filename.ts'
import { acceptMultipart, formValidator } from '../../multipart.ts'
import { requireScopeOf } from '../../plugins/authentication.ts'
import { OneOf } from '../../schemas.ts'
import { filePurposes, OpenAIFile, serializeOpenAIFile } from '../../serialize-openai-file.ts'

const tags = ['Files']
const FileId = Type.Object({ id: Type.String({ maxLength: 200 }) })
const Binary = Type.Unsafe<unknown>({ type: 'string', format: 'binary' })
const FileForm = Type.Object({
  file: Binary,
  purpose: OneOf(filePurposes),
  'expires_after[anchor]': Type.Optional(Type.Literal('created_at')),
  'expires_after[seconds]': Type.Optional(Type.Integer({ minimum: 3_600, maximum: 2_592_000 }))
})
const FileQuery = Type.Object({
  purpose: Type.Optional(Type.String({ maxLength: 64 })),
  order: Type.Union([Type.Literal('asc'), Type.Literal('desc')], { default: 'desc' }),
  limit: Type.Integer({ minimum: 1, maximum: 10_000, default: 10_000 }),
  after: Type.Optional(Type.String({ minLength: 1, maxLength: 200 }))
})
// the ids are left out of an empty page, which both readings of OpenAI's specification allow
const FileList = Type.Object({
  object: Type.Literal('list'),
  data: Type.Array(OpenAIFile),
  first_id: Type.Optional(Type.String()),
  last_id: Type.Optional(Type.String()),
  has_more: Type.Boolean()
})
const DeletedFile = Type.Object({ id: Type.String(), object: Type.Literal('file'), deleted: Type.Literal(true) })

const files: FastifyPluginAsyncTypebox = async app => {
  requireScopeOf(app, 'files')
  const { dependencies } = app
  const { prisma, objects } = dependencies
  await acceptMultipart(app)

  app.post('/files', {
    schema: { tags, summary: 'Store a file', consumes: ['multipart/form-data'], body: FileForm, response: { 200: OpenAIFile } },
    validatorCompiler: formValidator
  }, async (request, reply) => JSON.parse((await createFileFromForm(dependencies, request, reply)).body))

  app.get('/files', {
    schema: { tags, summary: 'List files, by time of creation', querystring: FileQuery, response: { 200: FileList } }
  }, async request => {
    const { data, hasMore } = await listFiles(prisma, request.caller, request.query)
    const first = data[0]
    const last = data.at(-1)
    const ids = first === undefined || last === undefined ? {} : { first_id: first.id, last_id: last.id }
    return { object: 'list' as const, data: data.map(serializeOpenAIFile), ...ids, has_more: hasMore }
  })

  app.get('/files/:id', {
    schema: { tags, summary: 'Read a file\'s properties', params: FileId, response: { 200: OpenAIFile } }
  }, async request => serializeOpenAIFile(await getFile(prisma, request.caller, request.params.id)))

  app.get('/files/:id/content', {
    exposeHeadRoute: false, // it would read the whole object to answer nothing
    schema: { tags, summary: 'Read a file\'s content', params: FileId, response: { 200: { content: { 'application/octet-stream': { schema: Binary } } } } }
  }, async (request, reply) => {
    const file = await getFile(prisma, request.caller, request.params.id)
    const content = await objects.get(file.objectKey).catch((error: unknown) => {
      // it was deleted since the row was read
      throw error instanceof ObjectNotFound ? new SiraError('not_found', { resource: 'file', id: file.id }, { cause: error }) : error
    })
    reply.headers({
      'content-type': 'application/octet-stream',
      'content-length': file.bytes,
      'content-disposition': contentDisposition(file.filename),
      'x-content-type-options': 'nosniff'
    })
    return reply.send(Readable.from(exactBytes(content, file.bytes), { objectMode: false }))
  })

  app.delete('/files/:id', {
    schema: { tags, summary: 'Delete a file', params: FileId, response: { 200: DeletedFile } }
  }, async request => {
    const { id } = request.params
    if (!await deleteFile(prisma, objects, request.caller, id, request.log)) throw new SiraError('not_found', { resource: 'file', id })
    return { id, object: 'file' as const, deleted: true as const }
  })
}

export default files
