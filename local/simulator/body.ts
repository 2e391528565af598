import type { IncomingMessage } from 'node:http'

const mostBytes = 64 * 1024 * 1024

/** Reads a request body and hands it over, or null when it is larger than 64 MiB; says nothing when the client goes away before. */
export function readBody (request: IncomingMessage, then: (body: Buffer | null) => void): void {
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= mostBytes) chunks.push(chunk)
    else chunks.length = 0
  })
  request.on('end', () => {
    if (size > mostBytes) then(null)
    else then(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks))
  })
}
