import multipart from '@fastify/multipart'
import type { Multipart } from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest, FastifySchemaCompiler, FastifySchema } from 'fastify'
import { SiraError } from '../lib/errors.ts'
import { compileValidator } from './plugins/validation.ts'

export type Fields = ReadonlyMap<string, string>

/** The one file of a form. Fields that came before it are known already, the others not yet. */
export interface FormFile { readonly filename: string, readonly source: AsyncIterable<Buffer>, readonly fieldsSoFar: Fields }

/** Gives a scope multipart bodies. Bytes of a file are limited where they are stored, so that the error can say the limit. */
export async function acceptMultipart (app: FastifyInstance): Promise<void> {
  await app.register(multipart, {
    throwFileSizeLimit: false,
    limits: { fieldNameSize: 100, fieldSize: 1_000, fields: 20, fileSize: Infinity, files: 1, parts: 21, headerPairs: 50 }
  })
}

/** For a route whose body schema only describes its form: the fields are checked as they arrive. */
export const formValidator: FastifySchemaCompiler<FastifySchema> = route => route.httpPart === 'body' ? () => true : compileValidator(route)

/**
 * Reads a form with one file in the order it arrives; `store` must consume the file. Resolves with the fields and what
 * `store` made. If the form turns out broken after the file was stored, `discard` is called with it first.
 */
export async function readForm<Stored> (
  request: FastifyRequest,
  fileField: string,
  { store, discard }: { store: (file: FormFile) => Promise<Stored>, discard: (stored: Stored) => Promise<void> }
): Promise<{ fields: Fields, stored: Stored }> {
  if (!request.isMultipart()) throw new SiraError('unsupported_media_type', { header: 'Content-Type', value: String(request.headers['content-type']).slice(0, 100) })
  const fields = new Map<string, string>()
  let stored: { value: Stored } | undefined
  try {
    for await (const part of readParts(request)) {
      if (part.type === 'field') {
        if (part.valueTruncated === true || typeof part.value !== 'string') throw new SiraError('invalid_parameter', { param: part.fieldname, reason: 'it is too long.' })
        fields.set(part.fieldname, part.value)
      } else {
        if (part.fieldname !== fileField || stored !== undefined) throw new SiraError('invalid_parameter', { param: part.fieldname, reason: `one file is expected, in ${fileField}.` })
        stored = { value: await store({ filename: part.filename, source: readFile(part.file), fieldsSoFar: fields }) }
      }
    }
    if (stored === undefined) throw new SiraError('missing_parameter', { param: fileField })
    return { fields, stored: stored.value }
  } catch (error) {
    discardRest(request)
    if (stored !== undefined) await discard(stored.value)
    throw error
  }
}

/**
 * A client that is still sending reads no answer when its connection is cut, so the rest is read and dropped, for a while.
 * Node does this by itself only for bodies that nobody began to read.
 */
function discardRest ({ raw }: FastifyRequest): void {
  if (raw.readableEnded || raw.destroyed) return
  raw.unpipe()
  raw.resume()
  const patience = setTimeout(() => raw.destroy(), 30_000)
  raw.once('close', () => clearTimeout(patience))
}

async function * readParts (request: FastifyRequest): AsyncGenerator<Multipart> {
  const parts = request.parts()
  for (;;) {
    const next = await parts.next().catch((error: unknown) => { throw toSiraError(error) })
    if (next.done === true) return
    yield next.value
  }
}

async function * readFile (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield * source
  } catch (error) {
    throw toSiraError(error)
  }
}

/** What the parser throws is about the body: cut, malformed or with too many parts. */
function toSiraError (error: unknown): SiraError {
  return new SiraError('invalid_multipart', { reason: error instanceof Error ? error.message : String(error) }, { cause: error })
}
