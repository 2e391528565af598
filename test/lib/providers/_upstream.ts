import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { ProviderConfig } from '../../../lib/providers/catalog.ts'

export interface Upstream {
  readonly url: string
  readonly requests: IncomingMessage[]
  /** Connections open now. */
  readonly sockets: ReadonlySet<Socket>
  close: () => Promise<void>
}

/** A provider that does what `handle` says, on a free port. */
export async function startUpstream (handle: (request: IncomingMessage, response: ServerResponse, body: string) => void): Promise<Upstream> {
  const requests: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    requests.push(request)
    const chunks: Buffer[] = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => { handle(request, response, Buffer.concat(chunks).toString()) })
  })
  server.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    sockets,
    async close () {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}

export function providerAt (url: string, overrides: Partial<ProviderConfig> = {}): ProviderConfig {
  return {
    name: 'upstream',
    kind: 'openai',
    baseUrl: `${url}/v1`,
    credentials: [],
    credentialUse: 'spread',
    apiVersion: null,
    maxConcurrency: 4,
    requestsPerMinute: null,
    tokensPerMinute: null,
    ...overrides
  }
}

export function withKeys (...secrets: string[]): Pick<ProviderConfig, 'credentials'> {
  return { credentials: secrets.map((secret, index) => ({ id: `credential/${index + 1}`, secret })) }
}
