import type { Readable } from 'node:stream'
import type { Client } from 'minio'
import { createGrowingBuffer } from '../growing-buffer.ts'

/**
 * The least that S3 allows. minio hashes a part in one go, which holds the process up for about 3 ms a MiB; 10,000 parts
 * are allowed, so an object may have 50 GB.
 */
export const partBytes = 5 * 1024 * 1024
/** What goes in a single call. minio hashes that twice, with MD5 too. */
export const singleBytes = 1024 * 1024

interface Target { readonly client: Client, readonly bucket: string, readonly key: string, readonly contentType: string }
type Attempt = <T>(call: () => Promise<T>) => Promise<T>

/**
 * Stores a stream of unknown length: in one call if it is small, else in parts, one on its way while the next is
 * gathered, so at most two parts are in memory. minio's own putObject is not used: it hangs when the stream fails,
 * goes on with what an earlier put to the same key left behind, and leaves its parts on failure.
 */
export async function putStream (target: Target, body: Readable, attempt: Attempt): Promise<number> {
  const { client, bucket, key, contentType } = target
  const headers = { 'Content-Type': contentType }
  let gathering = createGrowingBuffer(partBytes)
  let spare = createGrowingBuffer(partBytes)
  const sent: Array<{ part: number, etag: string }> = []
  let uploadId: string | undefined
  let inFlight: Promise<void> | undefined
  let total = 0

  async function send (part: Buffer, partNumber: number): Promise<void> {
    const uploadID = uploadId ??= await client.initiateNewMultipartUpload(bucket, key, headers)
    const { etag } = await attempt(() => client.uploadPart({ bucketName: bucket, objectName: key, uploadID, partNumber, headers: {} }, part))
    sent.push({ part: partNumber, etag })
  }

  async function flush (): Promise<void> {
    await inFlight
    const full = gathering
    total += full.length()
    inFlight = send(full.view(), sent.length + 1)
    inFlight.catch(() => {}) // it is awaited before the next part and at the end; until then it must not count as unhandled
    gathering = spare
    gathering.clear()
    spare = full
  }

  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      for (let start = 0; start < piece.length;) {
        if (gathering.length() === partBytes) await flush()
        start += gathering.append(piece, start, piece.length)
      }
    }
    if (total === 0 && gathering.length() <= singleBytes) {
      const only = gathering.view()
      await attempt(() => client.putObject(bucket, key, only, only.length, headers))
      return only.length
    }
    await flush()
    await inFlight
    await client.completeMultipartUpload(bucket, key, uploadId!, sent)
    return total
  } catch (error) {
    await inFlight?.catch(() => {}) // the cause is `error`; the part must be settled before its upload is removed
    if (uploadId !== undefined) {
      const abandoned = uploadId
      await attempt(() => client.abortMultipartUpload(bucket, key, abandoned)).catch((abortError: unknown) => {
        throw new AggregateError([error, abortError], 'a put failed and its parts could not be removed')
      })
    }
    throw error
  }
}
