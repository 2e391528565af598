import type { PassThrough } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Scope } from '../../lib/contracts/scopes.ts'
import { SiraError } from '../../lib/errors.ts'
import { keyOf, requireCaller } from '../plugins/authentication.ts'
import { createKeyWatch } from './key-watch.ts'

/** Answers with server-sent events. They end when the caller's key does or may not follow them any more, and when the process drains, so that clients go elsewhere. */
export interface OpenStreams {
  /** Throws `draining`; `open` is called only when the stream will be sent. */
  send: (request: FastifyRequest, reply: FastifyReply, scope: Scope, open: () => PassThrough) => Promise<never>
}

export function createOpenStreams (app: FastifyInstance): OpenStreams {
  const keys = createKeyWatch(app.dependencies.pool, app.log)
  const streams = new Set<PassThrough>()
  let draining = false
  app.addHook('preClose', async () => {
    draining = true
    for (const stream of streams) stream.end()
    await keys.close()
  })
  return {
    async send (request, reply, scope, open) {
      if (draining) throw new SiraError('draining')
      const stream = open()
      const unwatch = keys.watch(keyOf(request.headers)!, caller => { requireCaller(caller, scope, request.ip) }, () => { stream.end() })
      streams.add(stream)
      stream.on('close', () => {
        streams.delete(stream)
        unwatch()
      })
      reply.headers({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no', // nginx would hold messages back
        connection: 'close'
      })
      return await reply.send(stream as never) as never
    }
  }
}
