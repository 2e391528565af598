import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
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
    if (!raw.complete && hasBody(headers)) {
      if (isMultipart(headers)) {
        endWhenIdle(raw, timeout)
      } else {
        // most bodies come with their headers, and are there once this turn is over: no timer for them
        process.nextTick(() => {
          if (raw.complete) return
          onTime(raw, timeout, () => {
            // what reads the body listens; it may have been refused meanwhile, and then nobody does
            if (raw.listenerCount('error') === 0) return
            reply.header('connection', 'close')
            raw.emit('error', new SiraError('request_timeout'))
          })
        })
      }
    }
    done(null, payload)
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

/** Whether the headers of a request say that a body follows. */
export function hasBody (headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function isMultipart (headers: IncomingHttpHeaders): boolean {
  return /^multipart\//i.test(headers['content-type'] ?? '')
}

/** Calls `late` unless the request has arrived, or its connection has ended, within `timeout` ms. */
function onTime (raw: IncomingMessage, timeout: number, late: () => void): void {
  const timer = setTimeout(() => { if (!raw.complete) late() }, timeout).unref() // an open connection keeps the process running as it is
  raw.once('close', () => { clearTimeout(timer) })
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
