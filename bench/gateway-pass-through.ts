import { Agent, createServer, request as call } from 'node:http'
import { serveChild } from './support/child.ts'

/*
 * What a gateway is compared with: the least program that passes requests and answers on, with the same means (node:http on
 * both sides, keep-alive, nothing read). Argument: the upstream's origin.
 */
const [origin = ''] = process.argv.slice(2)
const { hostname, port } = new URL(origin)
const agent = new Agent({ keepAlive: true, maxSockets: Infinity, noDelay: true })

const server = createServer({ noDelay: true, keepAlive: true }, (request, reply) => {
  const { url, method, headers } = request
  const passed = call({ hostname, port, path: url, method, agent, headers: { 'content-type': headers['content-type'], 'content-length': headers['content-length'] } }, answer => {
    reply.writeHead(answer.statusCode!, answer.headers)
    answer.pipe(reply)
  })
  passed.on('error', () => { reply.destroy() })
  request.pipe(passed)
})
server.keepAliveTimeout = 75_000
serveChild(server)
