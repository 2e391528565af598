import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Duplex } from 'node:stream'

/** Names and values of headers from which on Node drops what follows (its maxHeadersCount, of pairs in fact half of it). */
const mostHeaderWords = 2_000
/** Of the offer, and of this hop: they are not written again. */
const offerHeaders = ['connection', 'upgrade', 'http2-settings']

/**
 * Passes over offers to switch protocols that are for no socket, as RFC 9110 (7.8) lets a server: the request is answered as if it
 * had made none. Java's own client, for one, offers h2c with every request over plain HTTP. Once anything listens to upgrades Node
 * leaves them all to its listeners, and Socket.IO's would cut these connections after a second.
 */
export function passOverOtherUpgrades (server: HttpServer, isForSocket: (url: string) => boolean): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isForSocket(request.url!)) return
    if (request.rawHeaders.length >= mostHeaderWords) {
      server.emit('clientError', Object.assign(new Error('too many headers'), { code: 'HPE_HEADER_OVERFLOW', rawPacket: Buffer.from(requestLine(request)) }), socket)
      return
    }
    // Node has let go of the connection after the headers: it takes it up again before them
    socket.unshift(Buffer.concat([Buffer.from(withoutOffer(request), 'latin1'), head]))
    server.emit('connection', socket)
  })
}

function withoutOffer (request: IncomingMessage): string {
  const { headers, rawHeaders } = request
  const lines = [requestLine(request)]
  for (let place = 0; place < rawHeaders.length; place += 2) {
    if (!offerHeaders.includes(rawHeaders[place]!.toLowerCase())) lines.push(`${rawHeaders[place]}: ${rawHeaders[place + 1]}`)
  }
  const options = headers.connection!.toLowerCase().split(',').map(option => option.trim())
  for (const option of ['close', 'keep-alive']) if (options.includes(option)) lines.push(`connection: ${option}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

function requestLine ({ method, url, httpVersion }: IncomingMessage): string {
  return `${method} ${url} HTTP/${httpVersion}`
}
