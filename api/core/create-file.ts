import type { FastifyReply, FastifyRequest } from 'fastify'
import { createBatchIndexer } from '../../lib/batch-input/index-batch-input.ts'
import { SiraError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { createFile, fileObjectKey } from '../../lib/store/files.ts'
import { receiveFile } from '../../lib/store/receive-file.ts'
import type { Dependencies } from '../dependencies.ts'
import { cleanFilename } from '../filename.ts'
import { readForm } from '../multipart.ts'
import type { Fields, FormFile } from '../multipart.ts'
import { discardObject, discardUncommitted } from './discard-object.ts'
import { createOnce } from '../plugins/idempotency.ts'
import type { Created } from '../plugins/idempotency.ts'
import { filePurposes, serializeOpenAIFile } from '../serialize-openai-file.ts'

/** Seconds; OpenAI's range, one hour to 30 days. */
const expiryRange = [3_600, 30 * 24 * 3_600] as const

/**
 * Stores the file of a multipart request. The object is written before the row; when the row is not, because the form
 * is bad or the same request was answered before, the object is removed again.
 */
export async function createFileFromForm ({ config, objects, pool }: Dependencies, request: FastifyRequest, reply: FastifyReply): Promise<Created> {
  const { caller } = request
  const id = newId('file')
  const objectKey = fileObjectKey(caller, id)
  const discard = async (): Promise<void> => { await discardObject(objects, objectKey, request.log) }

  async function store ({ filename, source, fieldsSoFar }: FormFile) {
    const purpose = fieldsSoFar.has('purpose') ? readPurpose(fieldsSoFar) : null
    // a purpose that comes after the file may turn out to be batch
    const indexer = purpose === null || purpose === 'batch' ? createBatchIndexer(config.batch) : null
    return { filename: cleanFilename(filename), ...await receiveFile(objects, objectKey, source, { limit: config.api.fileLimit, indexer }) }
  }

  const { fields, stored } = await readForm(request, 'file', { store, discard })
  try {
    const { filename, bytes, sha256 } = stored
    const purpose = readPurpose(fields)
    const expiresInSeconds = readExpiry(fields)
    // stands for the body, which has passed, when requests are compared
    request.body = { filename, purpose, sha256, expiresInSeconds }
    const answer = await createOnce(pool, request, reply, async client => {
      const { organizationId, projectId } = caller
      const file = { id, organizationId, projectId, purpose, filename, bytes, sha256, objectKey, expiresInSeconds }
      const created = await createFile(client, file, purpose === 'batch' ? stored.index : null)
      return { status: 200, headers: {}, body: JSON.stringify(serializeOpenAIFile(created)) }
    })
    if (answer.replayed) await discard()
    return answer
  } catch (error) {
    await discardUncommitted(objects, objectKey, error, request.log)
    throw error
  }
}

function readPurpose (fields: Fields): typeof filePurposes[number] {
  const given = fields.get('purpose')
  if (given === undefined) throw new SiraError('missing_parameter', { param: 'purpose' })
  const purpose = filePurposes.find(known => known === given)
  if (purpose === undefined) throw new SiraError('invalid_parameter', { param: 'purpose', reason: `it must be one of ${filePurposes.join(', ')}.` })
  return purpose
}

function readExpiry (fields: Fields): number | null {
  const anchor = fields.get('expires_after[anchor]')
  const seconds = fields.get('expires_after[seconds]')
  if (anchor === undefined && seconds === undefined) return null
  if (anchor !== 'created_at') throw new SiraError('invalid_parameter', { param: 'expires_after[anchor]', reason: 'it must be created_at.' })
  const [least, most] = expiryRange
  const value = Number(seconds)
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new SiraError('invalid_parameter', { param: 'expires_after[seconds]', reason: `a whole number from ${least} to ${most} is needed.` })
}
