import http from 'node:http'
import https from 'node:https'

type Transport = Pick<typeof http, 'request'>

/**
 * What the minio client sends requests with: it has no deadlines of its own. `total` ms bound a request and its answer;
 * `idle` ms bound a silence on the socket, also while the reader of an answer takes nothing.
 */
export function createTransport (secure: boolean, { total, idle }: { total: number | null, idle: number }): Transport {
  const { request } = secure ? https : http
  return {
    request: ((options: http.RequestOptions, onResponse: (response: http.IncomingMessage) => void) => {
      const sent = request(options, onResponse)
      sent.setTimeout(idle, () => sent.destroy(new S3Timeout(`no answer from the object store for ${idle} ms`)))
      if (total !== null) {
        const deadline = setTimeout(() => sent.destroy(new S3Timeout(`no complete answer from the object store in ${total} ms`)), total)
        sent.once('close', () => clearTimeout(deadline))
      }
      return sent
    }) as Transport['request']
  }
}

export class S3Timeout extends Error {
  readonly code = 'ETIMEDOUT'
}
