import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { SiraError } from '../../lib/errors.ts'
import { largeBody } from '../../lib/gateway/large-body/index.ts'
import { claimRoom, type Room } from '../../lib/gateway/large-body/room.ts'

/** A body as a whole. `room` = it is large: its bytes can be handed to a thread. */
export type Arrived = { readonly bytes: Buffer, readonly room: null } | { readonly bytes: Uint8Array<ArrayBuffer>, readonly room: Room }

/**
 * Collects a body. What passes 1 MiB is put piece by piece where it stays: to join 25 MB at its end, or to copy them to a thread,
 * would hold up the event loop for 50 ms and more. `length`: of Content-Length; null = not known. Calls `done` once.
 */
export function receiveBody (payload: Readable, limit: number, length: number | null, done: (error: SiraError | null, arrived?: Arrived) => void): void {
  const tooLarge = (): SiraError => new SiraError('payload_too_large', { limit })
  if (length !== null && length > limit) {
    done(tooLarge())
    return
  }
  let chunks: Buffer[] = []
  let received = 0
  let room: Room | null = null
  let whole: Uint8Array<ArrayBuffer> | null = null

  let finished = false
  const finish = (error: SiraError | null): void => {
    if (finished) return
    finished = true
    if (error !== null) {
      payload.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
      room?.release()
      done(error)
    } else if (room !== null) {
      done(null, { bytes: whole!.subarray(0, received), room })
    } else {
      done(null, { bytes: chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, received), room: null })
    }
  }
  const onData = (chunk: Buffer): void => {
    const before = received
    received += chunk.length
    if (received > limit) return finish(tooLarge())
    if (received <= largeBody) {
      chunks.push(chunk)
      return
    }
    try {
      room ??= claimRoom()
      room.take(whole === null ? received : chunk.length)
    } catch (error) {
      return finish(error as SiraError)
    }
    if (whole === null) {
      // memory is taken page by page as it is written to, so one that is too long costs nothing
      whole = new Uint8Array(length ?? limit)
      let at = 0
      for (const earlier of chunks) {
        whole.set(earlier, at)
        at += earlier.length
      }
      chunks = []
    }
    whole.set(chunk, before)
  }
  const onEnd = (): void => { finish(length === null || received === length ? null : broken()) }
  const onError = (error: Error): void => { finish(error instanceof SiraError ? error : broken()) }
  const onClose = (): void => {
    // every body is closed after its end: an error that nobody sees would cost a stack trace
    if (!finished) finish(broken())
  }
  payload.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
}

function broken (): SiraError {
  return new SiraError('invalid_request', { reason: 'The body did not arrive as a whole.' })
}

/** Runs `work` with a signal that is aborted when the client leaves, so that a body that waits for a thread is let go. */
export async function whileConnected<Result> ({ socket }: IncomingMessage, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const gone = new AbortController()
  const leave = (): void => { gone.abort() }
  socket.once('close', leave)
  try {
    return await work(gone.signal)
  } finally {
    socket.off('close', leave)
  }
}

/** Gives the room of a body back when its answer has gone, or its client. */
export function releaseAfter (reply: ServerResponse, room: Room): void {
  if (reply.closed) room.release()
  else reply.once('close', room.release)
}
