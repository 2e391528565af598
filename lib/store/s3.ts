import { setTimeout as sleep } from 'node:timers/promises'
import { Client, S3Error } from 'minio'
import type { Config } from '../config.ts'
import { ObjectNotFound, ObjectStoreUnavailable } from './object-store.ts'
import type { ObjectStore } from './object-store.ts'
import { putStream } from './s3-multipart.ts'
import { createTransport, S3Timeout } from './s3-transport.ts'

const callDeadlines = { total: 60_000, idle: 30_000 }
/** A whole object is read as fast as its reader takes it, so only silence ends it. */
const streamDeadlines = { total: null, idle: 120_000 }

const missingCodes = ['NoSuchKey', 'NotFound', 'NoSuchUpload']
const networkCodes = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'EAI_AGAIN', 'ENOTFOUND']

/** The object store over any S3 server. Nothing is sent before the first call. */
export function createObjectStore ({ endpoint, accessKey, secretKey, bucket, region }: Config['s3']): ObjectStore {
  const { protocol, hostname, port } = new URL(endpoint)
  const useSSL = protocol === 'https:'
  const connect = (deadlines: Parameters<typeof createTransport>[1]): Client => new Client({
    endPoint: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port) || (useSSL ? 443 : 80),
    useSSL,
    accessKey,
    secretKey,
    region, // without it the client asks for the bucket's region first
    retryOptions: { disableRetry: true }, // its retries write to the console
    transport: createTransport(useSSL, deadlines)
  })
  const calls = connect(callDeadlines)
  const streams = connect(streamDeadlines)

  async function found<T> (key: string, call: () => Promise<T>): Promise<T> {
    try {
      return await attempt(call)
    } catch (error) {
      throw isMissing(error) ? new ObjectNotFound(key) : error
    }
  }

  return {
    // a process that prepares the same bucket at the same moment can make the server answer 500: it finds the bucket half made
    prepare: async () => await attempt(async () => {
      if (await calls.bucketExists(bucket)) return
      await calls.makeBucket(bucket, region).catch((error: unknown) => {
        // another process was first, or the answer to our own try was lost
        if (!(error instanceof S3Error && error.code !== undefined && /^Bucket(AlreadyOwnedByYou|AlreadyExists)$/.test(error.code))) throw error
      })
    }),
    put: async (key, body, contentType) => await putStream({ client: calls, bucket, key, contentType }, body, attempt),
    get: async key => await found(key, () => streams.getObject(bucket, key)),
    getRange: async (key, offset, bytes) => {
      if (bytes === 0) return Buffer.alloc(0)
      return await found(key, async () => {
        const buffer = Buffer.allocUnsafe(bytes)
        let length = 0
        for await (const piece of await calls.getPartialObject(bucket, key, offset, bytes) as AsyncIterable<Buffer>) {
          if (length + piece.length > bytes) throw new Error(`${key}: more than the ${bytes} bytes that were asked for`)
          length += piece.copy(buffer, length)
        }
        if (length < bytes) throw new Error(`${key}: ${length} instead of ${bytes} bytes at ${offset}`)
        return buffer
      })
    },
    exists: async key => {
      try {
        await attempt(() => calls.statObject(bucket, key))
        return true
      } catch (error) {
        if (isMissing(error)) return false
        throw error
      }
    },
    remove: async key => {
      await attempt(() => calls.removeObject(bucket, key)).catch((error: unknown) => {
        if (!isMissing(error)) throw error // S3 answers 204 for what is not there; some servers 404
      })
    },
    ping: async () => {
      if (!await calls.bucketExists(bucket)) throw new Error(`The bucket ${bucket} does not exist`)
    }
  }
}

function isMissing (error: unknown): boolean {
  return error instanceof S3Error && error.code !== undefined && missingCodes.includes(error.code)
}

/**
 * Three tries over about half a second: a restarted server, a connection it had closed, a 5xx. Only for calls that may be
 * repeated. Throws ObjectStoreUnavailable when that was not enough, and at once after a timeout.
 */
async function attempt<T> (call: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (error instanceof S3Timeout) throw new ObjectStoreUnavailable(error)
      if (!isTransient(error)) throw error
      if (tries === 3) throw new ObjectStoreUnavailable(error)
      await sleep(100 * 4 ** (tries - 1) * (0.75 + Math.random() / 2))
    }
  }
}

function isTransient (error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  if (typeof code === 'string' && networkCodes.includes(code)) return true
  return error.message.startsWith('Request failed after 0 retries') // minio's word for a 408, 429 or 5xx
}
