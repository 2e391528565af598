import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { SiraError } from '../../lib/errors.ts'
import { inspectLarge, largeBody } from '../../lib/gateway/large-body/index.ts'
import { parseObject } from '../../lib/gateway/large-body/json-bytes.ts'
import type { HeldBody } from '../../lib/gateway/large-body/room.ts'
import type { Endpoint } from '../../lib/providers/types.ts'
import { receiveBody, releaseAfter, whileConnected } from './receive-body.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The JSON body as it came; only in the scope of the gateway's routes. */
    bodyText: string
    /** In place of the text, for a body that was read off the event loop. */
    largeBody: HeldBody | null
  }
}

/**
 * JSON bodies of this scope are kept as text too, so that what need not change goes on as it came. Large ones are read in a thread,
 * where `endpointOf` knows the surface of the route; the route sees them without their bulk. Other routes of the scope take none.
 */
export function keepBodyText (app: FastifyInstance, endpointOf: (url: string) => Endpoint | null): void {
  app.decorateRequest('bodyText', '')
  app.decorateRequest('largeBody', null)
  app.removeContentTypeParser(['application/json', 'text/plain']) // a text would be validated as if it were a body
  app.addContentTypeParser('application/json', (request, payload, done) => {
    const endpoint = endpointOf(request.routeOptions.url ?? '')
    const limit = endpoint === null ? largeBody : request.routeOptions.bodyLimit ?? largeBody
    const length = request.headers['content-length']
    receiveBody(payload, limit, length === undefined ? null : Number(length), (error, arrived) => {
      if (arrived === undefined) {
        done(error)
      } else if (arrived.room !== null) {
        const { bytes, room } = arrived
        const text = { bytes }
        whileConnected(request.raw, async signal => await inspectLarge(text, endpoint!, signal)).then(({ small, ...known }) => {
          request.largeBody = { ...known, text, room }
          done(null, small)
        }, (failure: Error) => {
          room.release()
          done(failure)
        })
      } else {
        try {
          const { text, body } = readBody(arrived.bytes)
          request.bodyText = text
          done(null, body)
        } catch (failure) {
          done(failure as Error)
        }
      }
    })
  })
  app.addHook('preValidation', ({ largeBody: large }, { raw }, done) => {
    if (large !== null) releaseAfter(raw, large.room)
    done()
  })
}

/** The JSON object of a body that is not large, and its text. Throws SiraError invalid_json. */
export function readBody (bytes: Buffer): { readonly text: string, readonly body: Record<string, unknown> } {
  if (!isUtf8(bytes)) throw new SiraError('invalid_json', { reason: 'it is not UTF-8.' })
  const text = bytes.toString('utf8')
  return { text, body: parseObject(text) }
}
