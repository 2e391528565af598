import { PassThrough } from 'node:stream'

/** ms; what proxies between us and the client take for life. */
const HEARTBEAT = 15_000
/** Heartbeats in a row that find the client not reading before it is given up. */
const PATIENCE = 4
/** ms that an EventSource waits before it connects again. */
const RETRY = 1_000

export interface SseStream {
  readonly stream: PassThrough
  /** undefined = the client takes what it is sent; else resolves when it has taken it, or is gone. */
  whenTaken: () => Promise<void> | undefined
  /** Calls `subscribe`, and what it returns when the stream is over. If it throws, so does this, and the stream is over. */
  feedBy: (subscribe: () => () => void) => void
}

/** Server-sent events for one client, kept alive by `heartbeat`'s text every 15 s. Who reads nothing for a minute is given up. */
export function createSseStream (heartbeat: () => string): SseStream {
  const stream = new PassThrough({ highWaterMark: 16 * 1024 })
  let resume = (): void => {}
  let blocked = 0
  const timer = setInterval(() => {
    blocked = stream.readableLength > 0 ? blocked + 1 : 0 // what is written flows on at once unless the client does not read
    if (blocked >= PATIENCE) stream.destroy()
    else if (blocked === 0 && stream.writable) stream.write(heartbeat())
  }, HEARTBEAT)
  stream.on('drain', () => { resume() })
  stream.on('close', () => {
    clearInterval(timer)
    resume()
  })
  stream.write(`retry: ${RETRY}\n\n`)
  return {
    stream,
    whenTaken: () => stream.writableNeedDrain ? new Promise(resolve => { resume = resolve }) : undefined,
    feedBy (subscribe) {
      try {
        stream.on('close', subscribe())
      } catch (error) {
        stream.destroy()
        throw error
      }
    }
  }
}

/** One message. Its id is what a client that comes back sends as Last-Event-ID. */
export function sseMessage (id: number, event: string, data: object): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
