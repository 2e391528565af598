import { createHash } from 'node:crypto'
import { Transform, pipeline, type Readable } from 'node:stream'

/** The same bytes, with their SHA-256 once they have all passed. */
export function hashingStream (source: Readable): { stream: Readable, digest: () => string } {
  const hash = createHash('sha256')
  const stream = new Transform({
    transform (chunk: Buffer, _encoding, done) {
      hash.update(chunk)
      done(null, chunk)
    }
  })
  pipeline(source, stream, () => {}) // an error reaches the reader of `stream`
  return { stream, digest: () => hash.digest('hex') }
}
