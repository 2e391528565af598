import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AnswerHeaders } from '../../lib/contracts/gateway.ts'

/** Answers a request for a model with JSON text. By hand, as streams are: Fastify's way to the socket costs about 4 % of such a request (by profile). */
export function sendJson (request: FastifyRequest, reply: FastifyReply, headers: AnswerHeaders, body: string): FastifyReply {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, headers.concat(
    'content-type', 'application/json; charset=utf-8', 'content-length', String(Buffer.byteLength(body)), 'x-request-id', request.id, reply.server.closingHeaders()))
  raw.end(body)
  return reply
}
