import { createServer } from 'node:net'

/**
 * Below the ranges that Linux (32768–60999) and macOS (49152–65535) give to outgoing connections: an engine that was
 * killed must get its port back, and a client that reconnects in a loop to a closed port of those ranges can take that
 * port itself, or even connect to itself.
 */
const lowest = 20_000
const highest = 32_000

/** A port on 127.0.0.1 that nobody listens on now. */
export async function freePort (): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest))
    if (await isFree(port)) return port
  }
  throw new Error(`No free port found between ${lowest} and ${highest}`)
}

export async function isFree (port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)))
  })
}
