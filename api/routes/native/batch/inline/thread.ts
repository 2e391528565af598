/** Runs in a worker thread: reads a batch whose requests come with it, where that would hold up the event loop. */
import type { FastifyError } from 'fastify'
import type { Static } from '@fastify/type-provider-typebox'
import { told, type Told } from '../../../../../lib/gateway/large-body/told.ts'
import { toSiraError } from '../../../../plugins/errors.ts'
import { hashRequest, type Hashed } from '../../../../plugins/idempotency.ts'
import { createBodyCheck } from '../../../../plugins/validation.ts'
import { parseBatch } from './parse-batch.ts'
import { renderInput, type InputLimits, type RenderedInput } from './render-input.ts'
import { CreateNativeBatch } from './schema.ts'

type Body = Static<typeof CreateNativeBatch>

export interface ReadBatch {
  /** The body without its requests. */
  readonly small: Omit<Body, 'requests'>
  /** null = it has none, and is as large as it is for another reason. */
  readonly input: RenderedInput | null
  /** What it is known again by. */
  readonly once: Hashed
}

const checkBody = createBodyCheck(CreateNativeBatch)

/** Everything that a schema can find wrong with the body, and its requests as an input file. */
export async function readBatch ({ bytes, limits, method, url }: { readonly bytes: Uint8Array, readonly limits: InputLimits, readonly method: string, readonly url: string }): Promise<Told<ReadBatch>> {
  return await told(() => {
    const body = parseBatch(bytes)
    try {
      checkBody(body)
    } catch (error) {
      throw toSiraError(error as FastifyError)
    }
    const { requests, ...small } = body as Body
    return { small, input: requests === undefined ? null : renderInput(small.endpoint, requests, limits), once: { hash: hashRequest(method, url, JSON.stringify(body)) } }
  }, ({ input }) => input === null ? [] : [input.lines])
}
