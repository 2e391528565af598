import type { FastifyInstance } from 'fastify'
import { SiraError } from '../../lib/errors.ts'
import { hasBody } from './request-timeout.ts'

/** Refuses bodies that are encoded (gzip and the like) before they are read: nothing here decodes one, as a small one may unpack to gigabytes. */
export function refuseEncodedBodies (app: FastifyInstance): void {
  app.addHook('preParsing', ({ headers, is404 }, _reply, payload, done) => {
    const encoding = headers['content-encoding']
    if (encoding !== undefined && !/^(identity)?$/i.test(encoding) && hasBody(headers) && !is404) {
      throw new SiraError('unsupported_media_type', { header: 'Content-Encoding', value: encoding.slice(0, 100) })
    }
    done(null, payload)
  })
}
