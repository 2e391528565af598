import type { PassThrough } from 'node:stream'
import type { JobRecord } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import { toProgress } from '../../lib/domain/progress.ts'
import { toEventMessage } from './event-message.ts'
import type { JobFeed } from './job-feed.ts'
import { createSseStream, sseMessage } from './sse-stream.ts'

/**
 * A job as server-sent events: each event behind the seq `after`, then progress, live until the job has ended. Every
 * message's id is a seq to resume from. A client that reads slowly gets fewer, newer progress messages and every event.
 */
export function createJobStream (feed: JobFeed, job: JobRecord, after: number): PassThrough {
  const { stream, whenTaken, feedBy } = createSseStream(() => ': still here\n\n')

  function tell (record: JobRecord): void {
    stream.write(sseMessage(record.seq, 'progress', toProgress(record)))
    if (isTerminal(record.state)) stream.end()
  }

  feedBy(() => feed.subscribe(job.id, Math.min(after, job.seq), update => {
    if (!stream.writable) return
    if (update === null) stream.end()
    for (const event of update?.events ?? []) stream.write(sseMessage(event.seq, event.type, toEventMessage(event)))
    if (update?.record) tell(update.record)
    return whenTaken()
  }))
  // otherwise the feed has something newer to tell at once
  if (after >= job.seq) tell(job)
  return stream
}
