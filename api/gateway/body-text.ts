import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import type { LargeBody } from '../../lib/contracts/gateway.ts'
import { SiraError } from '../../lib/errors.ts'
import { inspectLarge, largeBody } from '../../lib/gateway/large-body/index.ts'
import type { Endpoint } from '../../lib/providers/types.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The JSON body as it came; only in the scope of the gateway's routes. */
    bodyText: string
    /** In place of the text, for a body that was read off the event loop. */
    largeBody: LargeBody | null
  }
}

/**
 * JSON bodies of this scope are kept as text too, so that what need not change goes on as it came. Large ones, where
 * `endpointOf` knows the surface of the route, are read in a thread; the route sees them without their bulk.
 */
export function keepBodyText (app: FastifyInstance, endpointOf: (url: string) => Endpoint | null = () => null): void {
  app.decorateRequest('bodyText', '')
  app.decorateRequest('largeBody', null)
  app.removeContentTypeParser(['application/json', 'text/plain']) // a text would be validated as if it were a body
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes, done) => {
    const endpoint = bytes.length > largeBody ? endpointOf(request.routeOptions.url ?? '') : null
    if (endpoint !== null) {
      inspectLarge(bytes as Buffer, endpoint).then(({ small, inputTokens }) => {
        request.largeBody = { bytes: bytes as Buffer, inputTokens }
        done(null, small)
      }, done)
      return
    }
    try {
      if (!isUtf8(bytes as Buffer)) throw new SiraError('invalid_json', { reason: 'it is not UTF-8.' })
      request.bodyText = bytes.toString('utf8')
      done(null, parseObject(request.bodyText))
    } catch (error) {
      done(error as Error)
    }
  })
}

function parseObject (text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new SiraError('invalid_json', { reason: (error as Error).message.slice(0, 200) })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SiraError('invalid_json', { reason: 'an object is needed.' })
  return value
}
