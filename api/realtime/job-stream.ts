import { PassThrough } from 'node:stream'
import type { JobRecord } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import { toProgress } from '../../lib/domain/progress.ts'
import { toEventMessage } from './event-message.ts'
import type { JobFeed } from './job-feed.ts'

/** ms; what proxies between us and the client take for life. */
const HEARTBEAT = 15_000
/** Heartbeats in a row that find the client not reading before it is given up. */
const PATIENCE = 4
/** ms that an EventSource waits before it connects again. */
const RETRY = 1_000

/**
 * A job as server-sent events: each event behind the seq `after`, then progress, live until the job has ended. Every
 * message's id is a seq to resume from. A client that reads slowly gets fewer, newer progress messages and every event.
 */
export function createJobStream (feed: JobFeed, job: JobRecord, after: number): PassThrough {
  const stream = new PassThrough({ highWaterMark: 16 * 1024 })
  let resume = (): void => {}
  let blocked = 0

  function tell (record: JobRecord): void {
    stream.write(message(record.seq, 'progress', toProgress(record)))
    if (isTerminal(record.state)) stream.end()
  }

  const unsubscribe = feed.subscribe(job.id, Math.min(after, job.seq), update => {
    if (!stream.writable) return
    if (update === null) stream.end()
    for (const event of update?.events ?? []) stream.write(message(event.seq, event.type, toEventMessage(event)))
    if (update?.record) tell(update.record)
    return stream.writableNeedDrain ? new Promise(resolve => { resume = resolve }) : undefined
  })
  const heartbeat = setInterval(() => {
    blocked = stream.readableLength > 0 ? blocked + 1 : 0 // what is written flows on at once unless the client does not read
    if (blocked >= PATIENCE) stream.destroy()
    else if (blocked === 0 && stream.writable) stream.write(': still here\n\n')
  }, HEARTBEAT)
  stream.on('drain', () => { resume() })
  stream.on('close', () => {
    clearInterval(heartbeat)
    unsubscribe()
    resume()
  })
  stream.write(`retry: ${RETRY}\n\n`)
  // otherwise the feed has something newer to tell at once
  if (after >= job.seq) tell(job)
  return stream
}

function message (seq: number, event: string, data: object): string {
  return `id: ${seq}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
