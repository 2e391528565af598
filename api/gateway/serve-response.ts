import type { FastifyReply, FastifyRequest } from 'fastify'
import { responseErrorEvent } from '../../lib/dialects/responses/index.ts'
import { SiraError } from '../../lib/errors.ts'
import { adoptEvent, adoptResponse, type Identity, type ResponseObject } from '../../lib/gateway/responses/adopt-response.ts'
import { serve } from '../../lib/gateway/serve.ts'
import { newId } from '../../lib/ids.ts'
import type { StreamEvent } from '../../lib/providers/types.ts'
import type { Dependencies } from '../dependencies.ts'
import { continueResponse } from './continue-response.ts'
import { sendJson } from './json-reply.ts'
import { readRequest } from './read-request.ts'
import { abortOnLeave, createSseReply } from './sse-reply.ts'

/** Serves a response that is answered at once, whole or streamed, and stores it unless the request says not to. */
export async function serveResponse (dependencies: Dependencies, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const { gateway } = dependencies
  const wanted = readRequest(request, '/v1/responses', gateway.state(), abortOnLeave(request))
  const body = wanted.body as { readonly model: string, readonly previous_response_id?: string | null, readonly store?: boolean | null }
  const identity: Identity = { id: newId('response'), previousResponseId: body.previous_response_id ?? null, store: body.store !== false, background: false }
  const { request: gatewayRequest, keep } = await continueResponse(dependencies, wanted, request.log)

  /** The object as it can be answered: what could not be stored does not say that it was. */
  const kept = async (response: ResponseObject): Promise<ResponseObject> => {
    if (!identity.store || await keep(response)) return response
    return { ...response, store: false }
  }

  if (wanted.body.stream !== true) {
    const { headers, body: text } = await serve(gateway, gatewayRequest, null)
    const response = await kept(adoptResponse(JSON.parse(text) as Record<string, unknown>, identity))
    sendJson(request, reply, headers, JSON.stringify(response))
    return
  }
  const stream = createSseReply(request, reply)
  let last: { event: StreamEvent, response: ResponseObject } | null = null
  let count = 0
  try {
    const { cost } = await serve(gateway, gatewayRequest, {
      begin: stream.begin,
      write (events, resume) {
        count += events.length
        const passed: StreamEvent[] = []
        for (const arrived of events) {
          const { event, response } = adoptEvent(arrived, identity)
          // the last one is written when the response can be read and continued
          if (response === null) passed.push(event)
          else last = { event, response }
        }
        return passed.length === 0 || stream.write(passed, resume)
      }
    })
    if (last === null) throw new SiraError('upstream_error', { reason: 'its answer has no end.' })
    const { event, response } = last as { event: StreamEvent, response: ResponseObject }
    const answered = await kept(response)
    const data = answered === response ? event.data : JSON.stringify({ ...JSON.parse(event.data) as object, response: answered })
    stream.write([{ name: event.name, data }], () => {})
    if (cost !== null) stream.comment(`x-sira-cost ${cost}`)
    stream.end('')
  } catch (error) {
    if (!stream.begun()) throw error
    if (!(error instanceof SiraError)) request.log.error({ err: error }, 'stream failed')
    const told = error instanceof SiraError ? error : new SiraError('internal_error')
    const { name, data } = responseErrorEvent(told.code, told.message, count)
    stream.end(`event: ${name}\ndata: ${data}\n\n`)
  }
}
