import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import { SiraError } from '../../lib/errors.ts'
import { newId } from '../../lib/ids.ts'
import { contentTypeOf, dialectOf, errorBody } from './errors.ts'

/** Answers what is not HTTP enough to become a request: headers too large or too slow, malformed bytes. The connection ends. */
export function answerClientError (error: ConnectionError, socket: Socket): void {
  // a response that has begun cannot be followed by another
  const response = (socket as { _httpMessage?: ServerResponse | null })._httpMessage
  if (!socket.writable || error.code === 'ECONNRESET' || response?.headersSent === true) {
    socket.destroy()
    return
  }
  const answer = toSiraError(error)
  const dialect = dialectOf(pathOf(error))
  const id = newId('request')
  const body = JSON.stringify(errorBody(answer, dialect, id))
  socket.write([
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`,
    `content-type: ${contentTypeOf(dialect)}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    ...(answer.retryable ? [] : ['x-should-retry: false']),
    'connection: close',
    '',
    body
  ].join('\r\n'))
  socket.destroySoon()
}

function toSiraError (error: ConnectionError): SiraError {
  switch (error.code) {
    case 'HPE_HEADER_OVERFLOW': return new SiraError('headers_too_large')
    case 'ERR_HTTP_REQUEST_TIMEOUT': return new SiraError('request_timeout')
    default: return new SiraError('invalid_request', { reason: 'This is not a valid HTTP request.' })
  }
}

/** As much of the request line as the parser was given; it may be none. */
function pathOf (error: ConnectionError): string {
  const packet = error.rawPacket as unknown as Buffer | undefined // Fastify's type is that of its JSON
  const start = packet?.subarray(0, 200).toString('latin1') ?? ''
  return /^[A-Z]+ (\S+)/.exec(start)?.[1] ?? ''
}
