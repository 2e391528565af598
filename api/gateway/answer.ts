import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dependencies } from '../dependencies.ts'
import { SiraError } from '../../lib/errors.ts'
import { serve } from '../../lib/gateway/serve.ts'
import type { Endpoint } from '../../lib/providers/types.ts'
import { sendJson } from './json-reply.ts'
import { readRequest, type Received } from './read-request.ts'
import { abortOnLeave, createSseReply } from './sse-reply.ts'

/** How a surface ends its streams. Texts as they go to the socket. */
export interface StreamWords {
  /** After the last event. */
  readonly end: string
  /** An error after the answer has begun: the SDKs make an exception of it. */
  readonly error: (error: SiraError, requestId: string) => string
}

/** A request for a model over HTTP, and where its answer goes: Fastify's, or one that came past it (direct.ts). */
export type Asked = Received & Pick<FastifyRequest, 'raw' | 'log'>
export interface Answering extends Pick<FastifyReply, 'raw'> {
  readonly server: Pick<FastifyInstance, 'closingHeaders'>
  /** From now on the answer is written to `raw`. */
  hijack: () => unknown
}

/** Serves one request for a model on one surface: as a whole, or as a stream when the body says so. Rejects only while nothing is written. */
export async function answer ({ gateway }: Dependencies, endpoint: Endpoint, words: StreamWords, request: Asked, reply: Answering): Promise<void> {
  const wanted = readRequest(request, endpoint, gateway.state(), abortOnLeave(request))
  if (wanted.body.stream !== true) {
    const { headers, body } = await serve(gateway, wanted, null)
    sendJson(request, reply, headers, body)
    return
  }
  const stream = createSseReply(request, reply)
  try {
    const { cost } = await serve(gateway, wanted, stream)
    // a comment, which every SSE parser passes over: headers went out before the cost was known
    if (cost !== null) stream.comment(`x-sira-cost ${cost}`)
    stream.end(words.end)
  } catch (error) {
    if (!stream.begun()) throw error
    if (!(error instanceof SiraError)) request.log.error({ err: error }, 'stream failed')
    stream.end(words.error(error instanceof SiraError ? error : new SiraError('internal_error', {}, { cause: error }), request.id))
  }
}
