import type { FastifyInstance, FastifyRequest } from 'fastify'
import { claimRoom, type Room } from '../../../../../lib/gateway/large-body/room.ts'
import { runInThread, threadModule } from '../../../../../lib/gateway/large-body/threads.ts'
import { receiveBody, releaseAfter, whileConnected, type Arrived } from '../../../../gateway/receive-body.ts'
import { parseBatch } from './parse-batch.ts'
import type { InputLimits } from './render-input.ts'
import type { ReadBatch } from './thread.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Beside the small fields in `body`, for a batch that was read off the event loop. */
    largeBatch: (Omit<ReadBatch, 'small'> & { readonly room: Room }) | null
  }
}

const module = threadModule('thread', import.meta.url)

/** Bytes from which a body is read in a thread. Less than of other bodies, as each of its requests is checked, written and indexed: 1 MiB of short ones takes 30 ms. */
const largeBatch = 256 * 1024

/** Large JSON bodies of this scope are read in a thread: 25 MB of requests would hold up every stream of the process for 170 ms. */
export function readLargeBatches (app: FastifyInstance, limits: InputLimits): void {
  app.decorateRequest('largeBatch', null)
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', (request, payload, done) => {
    const length = request.headers['content-length']
    receiveBody(payload, request.routeOptions.bodyLimit!, length === undefined ? null : Number(length), (error, arrived) => {
      if (arrived === undefined) {
        done(error)
      } else if (arrived.room === null && arrived.bytes.length < largeBatch) {
        try {
          done(null, parseBatch(arrived.bytes))
        } catch (failure) {
          done(failure as Error)
        }
      } else {
        const room = arrived.room ?? claimRoom()
        read(request, arrived, room, limits).then(({ small, ...large }) => {
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

async function read ({ raw, method, url }: FastifyRequest, arrived: Arrived, room: Room, limits: InputLimits): Promise<ReadBatch> {
  if (arrived.room === null) room.take(arrived.bytes.length)
  // in memory of its own, which can be handed over
  const bytes = arrived.room === null ? Uint8Array.from(arrived.bytes) : arrived.bytes
  return await whileConnected(raw, async signal => await runInThread<ReadBatch>('compute', module, 'readBatch', { limits, method, url }, { bytes }, signal))
}
