import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Caller } from '../../lib/contracts/jobs.ts'
import { hasScope } from '../../lib/contracts/scopes.ts'
import { checkDepth } from '../../lib/gateway/large-body/check-depth.ts'
import { largeBody } from '../../lib/gateway/large-body/index.ts'
import { newId } from '../../lib/ids.ts'
import { inferenceLogLevel } from '../inference-log-level.ts'
import { keyOf } from '../plugins/authentication.ts'
import { answer, type Answering, type Asked } from './answer.ts'
import { readBody } from './body-text.ts'
import type { AddedSurface } from './surface.ts'

/** ms that a body may come after its headers: Python's clients send the two apart. */
const apart = 50

type Listener = (raw: IncomingMessage, reply: ServerResponse) => void

const failures = new WeakMap<IncomingMessage, { readonly id: string, readonly error: Error }>()

/** For Fastify's `genReqId`: a request that failed on the direct way keeps the id that is in its row of usage. */
export function requestIdOf (raw: IncomingMessage): string {
  return failures.get(raw)?.id ?? newId('request')
}

/** Before all hooks that look at a request: one that failed on the direct way has been looked at, and its body is read. */
export function tellDirectFailures (app: FastifyInstance): void {
  app.addHook('onRequest', ({ raw }, _reply, done) => { done(failures.get(raw)?.error) })
}

/**
 * The short way to a model: a POST to a surface that has come as a whole, is not large and is of a key that is known is answered
 * before Fastify sees it, which saves an eighth of the time that Sira adds (docs/decisions/0039). Whatever is not as plain, and whatever
 * fails, is Fastify's, so that nothing is refused in two ways. Called last: it goes before all that listen to requests.
 */
export function answerDirectly (app: FastifyInstance): void {
  const { server, surfaces, dependencies } = app
  const { control, config } = dependencies
  if (inferenceLogLevel(config.logLevel) !== 'warn') return // Fastify writes a line for each request
  const most = Math.min(largeBody, config.api.bodyLimit)
  const listeners = server.listeners('request') as Listener[]
  const pass: Listener = (raw, reply) => { for (const listener of listeners) listener.call(server, raw, reply) }

  const take = (raw: IncomingMessage, reply: ServerResponse, surface: AddedSurface, length: number, waits: boolean): void => {
    if (raw.readableLength === length) serve(raw, reply, surface)
    else if (waits && raw.readableLength === 0) waitForBody(raw, there => { there ? take(raw, reply, surface, length, false) : pass(raw, reply) })
    else pass(raw, reply)
  }

  const serve = (raw: IncomingMessage, reply: ServerResponse, surface: AddedSurface): void => {
    const key = keyOf(raw.headers)
    const caller = key === null ? null : control.known(key)
    if (caller === null || caller.allowedIps != null || !hasScope(caller.scopes, 'inference')) {
      pass(raw, reply)
      return
    }
    const id = newId('request')
    if (surface.idHeader !== undefined) reply.setHeader(surface.idHeader, id)
    const fail = (error: Error): void => {
      failures.set(raw, { id, error })
      pass(raw, reply)
    }
    try {
      const { text, body } = readBody(raw.read() as Buffer)
      checkDepth(body)
      surface.checkBody(body)
      surface.check?.(body)
      answer(dependencies, surface.endpoint, surface.words, new DirectRequest(raw, id, caller, text, body, app.log), new DirectReply(reply, app)).catch(fail)
    } catch (error) {
      fail(error as Error)
    }
  }

  server.removeAllListeners('request')
  server.on('request', (raw, reply) => {
    const surface = raw.method === 'POST' ? surfaces.get(raw.url!) : undefined
    const length = surface === undefined ? 0 : lengthOf(raw.headers)
    // the parser tells of the headers first: what came with them is there in the next turn
    if (length > 0 && length <= most) process.nextTick(take, raw, reply, surface!, length, true)
    else pass(raw, reply)
  })
}

/** Bytes of a JSON body that says how long it is, and is not encoded; else 0. */
function lengthOf (headers: IncomingHttpHeaders): number {
  return headers['content-type'] === 'application/json' && headers['content-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : 0
}

/** Calls `done` when the first bytes of a body are there, or after 50 ms without any: Fastify's way bounds what comes slowly. */
function waitForBody (raw: IncomingMessage, done: (there: boolean) => void): void {
  const arrived = (): void => {
    clearTimeout(timer)
    done(true)
  }
  const timer = setTimeout(() => {
    raw.off('readable', arrived)
    if (!raw.destroyed) done(false)
  }, apart)
  raw.once('readable', arrived)
}

/** Classes, so that a request has no closures to make; with what `answer` needs of Fastify's, and nothing else. */
class DirectRequest implements Asked {
  readonly raw: IncomingMessage
  readonly id: string
  readonly headers: IncomingHttpHeaders
  readonly caller: Caller
  readonly bodyText: string
  readonly body: unknown
  readonly #parentLog: FastifyBaseLogger

  constructor (raw: IncomingMessage, id: string, caller: Caller, bodyText: string, body: unknown, parentLog: FastifyBaseLogger) {
    this.raw = raw
    this.id = id
    this.headers = raw.headers
    this.caller = caller
    this.bodyText = bodyText
    this.body = body
    this.#parentLog = parentLog
  }

  get log (): FastifyBaseLogger { return this.#parentLog.child({ reqId: this.id }) }
}

class DirectReply implements Answering {
  readonly raw: ServerResponse
  readonly server: Answering['server']

  constructor (raw: ServerResponse, server: Answering['server']) {
    this.raw = raw
    this.server = server
  }

  hijack (): void {}
}
