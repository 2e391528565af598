/** Runs in a worker thread: reads a batch whose requests come with it, where that would hold up the event loop. */
import { createHash } from 'node:crypto'
import type { FastifyError } from 'fastify'
import type { Static } from '@fastify/type-provider-typebox'
import { checkDepth } from '../../../../../lib/gateway/large-body/check-depth.ts'
import { readObject } from '../../../../../lib/gateway/large-body/json-bytes.ts'
import { told, type Told } from '../../../../../lib/gateway/large-body/told.ts'
import { toSiraError } from '../../../../plugins/errors.ts'
import { createBodyCheck } from '../../../../plugins/validation.ts'
import { renderInput, type InputLimits, type RenderedInput } from './render-input.ts'
import { CreateNativeBatch } from './schema.ts'

type Body = Static<typeof CreateNativeBatch>

export interface ReadBatch {
  /** The body without its requests. */
  readonly small: Omit<Body, 'requests'>
  /** null = it has none, and is as large as it is for another reason. */
  readonly input: RenderedInput | null
  /** SHA-256 of the body as it came. */
  readonly digest: string
}

const checkBody = createBodyCheck(CreateNativeBatch)

/** Everything that a schema can find wrong with the body, and its requests as an input file. */
export async function readBatch ({ bytes, limits }: { readonly bytes: Uint8Array, readonly limits: InputLimits }): Promise<Told<ReadBatch>> {
  return await told(() => {
    const { body } = readObject(bytes)
    checkDepth(body)
    try {
      checkBody(body)
    } catch (error) {
      throw toSiraError(error as FastifyError)
    }
    const { requests, ...small } = body as Body
    return { small, input: requests === undefined ? null : renderInput(small.endpoint, requests, limits), digest: createHash('sha256').update(bytes).digest('hex') }
  }, ({ input }) => input === null ? [] : [input.lines])
}
