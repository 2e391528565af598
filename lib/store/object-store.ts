import type { Readable } from 'node:stream'

/** The S3 store, in the few calls Sira needs. All keys live in one bucket. Every call has a deadline. */
export interface ObjectStore {
  /** Creates the bucket where it does not exist. */
  prepare: () => Promise<void>
  /** Streams to a multipart upload in constant memory. Resolves with the bytes written. A stream error aborts and removes the parts. */
  put: (key: string, body: Readable, contentType: string) => Promise<number>
  /** The whole object. Rejects with ObjectNotFound. */
  get: (key: string) => Promise<Readable>
  /** A byte range as one buffer. Rejects with ObjectNotFound. */
  getRange: (key: string, offset: number, bytes: number) => Promise<Buffer>
  exists: (key: string) => Promise<boolean>
  /** Removing what is not there is not an error. */
  remove: (key: string) => Promise<void>
  /** One cheap call, for readiness. */
  ping: () => Promise<void>
}

/** The store did not answer, or only with 5xx, after the calls that may be repeated were. */
export class ObjectStoreUnavailable extends Error {
  /** The network's word for it, where there is one. */
  readonly code: unknown
  constructor (cause: Error & { code?: unknown }) {
    super(`The object store cannot be reached: ${cause.message}`, { cause })
    this.name = 'ObjectStoreUnavailable'
    this.code = cause.code
  }
}

export class ObjectNotFound extends Error {
  readonly key: string
  constructor (key: string) {
    super(`No object ${key}`)
    this.name = 'ObjectNotFound'
    this.key = key
  }
}
