import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { BatchIndexer } from '../batch-input/index-batch-input.ts'
import type { FileIndex } from '../contracts/batch-input.ts'
import { SiraError } from '../errors.ts'
import type { ObjectStore } from './object-store.ts'

export interface ReceivedFile {
  readonly bytes: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Lower-case hex; null unless asked for. */
  readonly md5: string | null
  /** null without an indexer. */
  readonly index: FileIndex | null
}

/**
 * Streams bytes into the object store in one pass that also counts, hashes and indexes them. A source that fails or is
 * longer than `limit` (payload_too_large) leaves no object.
 */
export async function receiveFile (
  objects: ObjectStore,
  key: string,
  source: AsyncIterable<Buffer>,
  { limit, indexer, withMd5 = false }: { limit: number, indexer: BatchIndexer | null, withMd5?: boolean }
): Promise<ReceivedFile> {
  const sha256 = createHash('sha256')
  const md5 = withMd5 ? createHash('md5') : null
  let bytes = 0

  async function * measured (): AsyncGenerator<Buffer> {
    for await (const piece of source) {
      bytes += piece.length
      if (bytes > limit) throw new SiraError('payload_too_large', { limit })
      sha256.update(piece)
      md5?.update(piece)
      indexer?.write(piece)
      yield piece
    }
  }

  await objects.put(key, Readable.from(measured(), { objectMode: false }), 'application/octet-stream')
  return { bytes, sha256: sha256.digest('hex'), md5: md5?.digest('hex') ?? null, index: indexer?.finish() ?? null }
}
