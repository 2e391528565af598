import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { SiraError } from '../../lib/errors.ts'

/**
 * Bounds how long a request may take to arrive, so that slow clients cannot hold sockets and memory. A body that is read
 * as a whole has `timeout` ms, then it is answered 408 and the connection is closed. A multipart body may take as long as
 * it needs, but its connection is ended after `timeout` ms without a byte. (Node's own requestTimeout knows no exceptions;
 * the time for headers is its headersTimeout.)
 */
export function boundReceiving (app: FastifyInstance, timeout: number): void {
  app.addHook('preParsing', ({ raw, headers }, reply, payload, done) => {
    // usually the whole body came with the headers
    if (raw.complete || !hasBody(headers)) {
      done(null, payload)
    } else if (isMultipart(headers)) {
      endWhenIdle(raw, timeout)
      done(null, payload)
    } else {
      done(null, withDeadline(raw, timeout, () => { reply.header('connection', 'close') }))
    }
  })
  // the request was answered before its body came: what is left of it may come, but not for ever
  app.addHook('onResponse', ({ raw, headers }, _reply, done) => {
    done()
    if (raw.complete || raw.destroyed || !hasBody(headers)) return
    raw.unpipe()
    raw.resume() // a client that sends on reads no answer before it is rid of its body
    onTime(raw, timeout, () => { raw.destroy() })
  })
}

function hasBody (headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function isMultipart (headers: IncomingHttpHeaders): boolean {
  return /^multipart\//i.test(headers['content-type'] ?? '')
}

function withDeadline (raw: IncomingMessage, timeout: number, onLate: () => void): PassThrough {
  const body = new PassThrough()
  body.on('error', () => {}) // whoever reads it hears of it; once it is refused, nobody does
  raw.once('error', error => { body.destroy(error) })
  onTime(raw, timeout, () => {
    onLate()
    body.destroy(new SiraError('request_timeout'))
  })
  return raw.pipe(body)
}

/** Calls `late` unless the request has arrived, or its connection has ended, within `timeout` ms. */
function onTime (raw: IncomingMessage, timeout: number, late: () => void): void {
  const timer = setTimeout(late, timeout).unref() // an open connection keeps the process running as it is
  const clear = (): void => { clearTimeout(timer) }
  raw.once('end', clear)
  raw.once('close', clear)
}

/** Bytes that wait for us to read them are no silence of the client's: a slow object store must not cost it the upload. */
function endWhenIdle (raw: IncomingMessage, timeout: number): void {
  let seen = raw.socket.bytesRead
  let since = performance.now()
  const timer = setInterval(() => {
    if (raw.socket.bytesRead !== seen || raw.readableLength > 0) {
      seen = raw.socket.bytesRead
      since = performance.now()
    } else if (performance.now() - since >= timeout) {
      raw.destroy()
    }
  }, timeout / 10).unref()
  const clear = (): void => { clearInterval(timer) }
  raw.once('end', clear)
  raw.once('close', clear)
}
