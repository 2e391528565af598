import { Readable } from 'node:stream'
import { Client } from 'minio'
import type { Config } from '../../../lib/config.ts'

/** A stream of `bytes` bytes in pieces of 64 kB, each byte a function of its place. */
export function patternStream (bytes: number): Readable {
  return Readable.from((function * () {
    for (let offset = 0; offset < bytes; offset += 65_536) yield patternBytes(offset, Math.min(65_536, bytes - offset))
  })(), { objectMode: false })
}

export function patternBytes (offset: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes)
  for (let index = 0; index < bytes; index++) buffer[index] = (offset + index) * 31 >> 8
  return buffer
}

/** What is in a bucket: the keys, and the keys of multipart uploads that were not finished. */
export async function bucketContents ({ endpoint, accessKey, secretKey, bucket, region }: Config['s3']): Promise<{ keys: string[], unfinished: string[] }> {
  const { hostname, port } = new URL(endpoint)
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, accessKey, secretKey, region })
  const keys: string[] = []
  for await (const item of client.listObjectsV2(bucket, '', true) as AsyncIterable<{ name: string }>) keys.push(item.name)
  const unfinished: string[] = []
  for await (const item of client.listIncompleteUploads(bucket, '', true) as AsyncIterable<{ key: string }>) unfinished.push(item.key)
  return { keys, unfinished }
}
