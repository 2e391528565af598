import type { FastifyInstance } from 'fastify'
import type { Room } from '../../../../../lib/gateway/large-body/room.ts'
import { runInThread, threadModule } from '../../../../../lib/gateway/large-body/threads.ts'
import { receiveBody, releaseAfter, whileConnected } from '../../../../gateway/receive-body.ts'
import type { InputLimits } from './render-input.ts'
import type { ReadBatch } from './thread.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Beside the small fields in `body`, for a batch that was read off the event loop. */
    largeBatch: (Omit<ReadBatch, 'small'> & { readonly room: Room }) | null
  }
}

const module = threadModule('thread', import.meta.url)

/** JSON bodies of this scope above 1 MiB are read in a thread: 32 MB of requests would hold up every stream of the process for a second. */
export function readLargeBatches (app: FastifyInstance, limits: InputLimits): void {
  app.decorateRequest('largeBatch', null)
  const parseSmall = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', (request, payload, done) => {
    const length = request.headers['content-length']
    receiveBody(payload, request.routeOptions.bodyLimit!, length === undefined ? null : Number(length), (error, arrived) => {
      if (arrived === undefined) {
        done(error)
      } else if (arrived.room === null) {
        void parseSmall(request, arrived.bytes.toString('utf8'), done)
      } else {
        const { bytes, room } = arrived
        whileConnected(request.raw, async signal => await runInThread<ReadBatch>('compute', module, 'readBatch', { limits }, { bytes }, signal)).then(({ small, ...large }) => {
          request.largeBatch = { ...large, room }
          done(null, small)
        }, (failure: Error) => {
          room.release()
          done(failure)
        })
      }
    })
  })
  app.addHook('preValidation', ({ largeBatch }, { raw }, done) => {
    if (largeBatch !== null) releaseAfter(raw, largeBatch.room)
    done()
  })
}
