import type { Pool } from 'pg'
import type { JobEvent, JobRecord } from '../../lib/contracts/jobs.ts'
import { isTerminal } from '../../lib/domain/job-state.ts'
import { SiraError } from '../../lib/errors.ts'
import type { Logger } from '../../lib/log.ts'
import { readEventRanges, type EventRange } from '../../lib/store/events.ts'
import { readJobs, readJobSeqs } from '../../lib/store/jobs.ts'
import { createHintListener } from './hint-listener.ts'

/** The newest row, and every event since the last update. `record` is null when more events must be told before the row. */
export interface JobUpdate { readonly record: JobRecord | null, readonly events: readonly JobEvent[] }

/**
 * Gets updates in the order of seq, one at a time: while its promise is pending nothing comes, and then the newest row
 * with all events since. null = the job was deleted; nothing follows.
 */
export type JobListener = (update: JobUpdate | null) => Promise<void> | undefined

export interface JobFeed {
  /**
   * Tells the listener of everything behind the seq `after`. The caller has checked that the job is its owner's.
   * Throws `unavailable` when this process serves as many subscriptions as it can.
   */
  subscribe: (jobId: string, after: number, listener: JobListener) => () => void
  close: () => Promise<void>
}

interface Subscriber { seq: number, busy: boolean, readonly listener: JobListener }

/** A job with subscribers in this process. `seq` is that of the row when it was last read. */
interface Watched { readonly subscribers: Set<Subscriber>, seq: number, terminal: boolean }

const MOST_SUBSCRIPTIONS = 20_000
/** ms between two reads, so a job is told of at most ten times a second. */
const READ_EVERY = 100
const RETRY_AFTER = 500
/** ms between two looks for changes whose hint got lost. */
const POLL_EVERY = 2_000
const POLL_EVERY_WITHOUT_HINTS = 1_000
const JOBS_PER_READ = 500
const EVENTS_PER_UPDATE = 1_000

/**
 * Follows the jobs that someone in this process watches. Hints only say that a row changed; what is told is always read
 * from the row and the event table, so a lost hint or connection costs time (one poll), never truth.
 */
export function createJobFeed ({ databaseUrl, pool, log }: { databaseUrl: string, pool: Pool, log: Logger }): JobFeed {
  const watched = new Map<string, Watched>()
  const dirty = new Set<string>()
  let subscriptions = 0
  let readTimer: NodeJS.Timeout | undefined
  let reading: Promise<void> | null = null
  let nextReadAt = 0
  let polling: Promise<void> | null = null
  let closed = false

  const hints = createHintListener({
    databaseUrl,
    log,
    onHint: noteSeq,
    onConnected: () => { for (const id of watched.keys()) markDirty(id) }
  })
  let pollTimer = setTimeout(startPoll, POLL_EVERY_WITHOUT_HINTS)

  function noteSeq (id: string, seq: number): void {
    const job = watched.get(id)
    if (job !== undefined && seq > job.seq) markDirty(id)
  }

  function markDirty (id: string): void {
    dirty.add(id)
    scheduleRead()
  }

  function scheduleRead (): void {
    if (readTimer !== undefined || reading !== null || closed || dirty.size === 0) return
    readTimer = setTimeout(() => {
      readTimer = undefined
      reading = read().finally(() => {
        reading = null
        scheduleRead()
      })
    }, Math.max(0, nextReadAt - performance.now()))
  }

  async function read (): Promise<void> {
    nextReadAt = performance.now() + READ_EVERY
    const ids = [...dirty].slice(0, JOBS_PER_READ)
    for (const id of ids) dirty.delete(id)
    try {
      const records = await readJobs(pool, ids)
      for (const record of records) note(record)
      // every event up to the seq of a row that is visible is visible too; later ones wait for the next row
      const ranges = records.map(missingEvents).filter(range => range !== null)
      const events = await readEventRanges(pool, ranges, EVENTS_PER_UPDATE)
      const from = new Map(ranges.map(range => [range.id, range.after]))
      const missing = new Set(ids)
      for (const record of records) {
        missing.delete(record.id)
        tell(record, events.get(record.id) ?? [], from.get(record.id))
      }
      for (const id of missing) drop(id)
    } catch (error) {
      log.warn({ err: error, jobs: ids.length }, 'watched jobs not read')
      nextReadAt = performance.now() + RETRY_AFTER
      for (const id of ids) if (watched.has(id)) dirty.add(id)
    }
  }

  /** Before anything is awaited: a subscriber that becomes free meanwhile must see that it is behind. */
  function note (record: JobRecord): void {
    const job = watched.get(record.id)
    if (job === undefined) return
    job.seq = Math.max(job.seq, record.seq)
    job.terminal ||= isTerminal(record.state)
  }

  /** What the subscriber that is furthest behind has not been told; null when nobody waits. */
  function missingEvents (record: JobRecord): EventRange | null {
    const seqs = [...watched.get(record.id)?.subscribers ?? []].filter(subscriber => !subscriber.busy).map(subscriber => subscriber.seq)
    const after = Math.min(...seqs)
    return after < record.seq ? { id: record.id, after, upTo: record.seq } : null
  }

  /** `from` is where the events that were read begin; who came later and is further behind waits for the next read. */
  function tell (record: JobRecord, events: readonly JobEvent[], from: number | undefined): void {
    const job = watched.get(record.id)
    if (job === undefined) return
    const more = events.length === EVENTS_PER_UPDATE
    if (more) markDirty(record.id)
    for (const subscriber of job.subscribers) {
      if (subscriber.busy || from === undefined || subscriber.seq < from || subscriber.seq >= record.seq) continue
      const unseen = events.filter(event => event.seq > subscriber.seq)
      if (more && unseen.length === 0) continue
      subscriber.seq = more ? unseen.at(-1)!.seq : record.seq
      hand(record.id, job, subscriber, { record: more ? null : record, events: unseen })
    }
  }

  function hand (id: string, job: Watched, subscriber: Subscriber, update: JobUpdate | null): void {
    try {
      const done = subscriber.listener(update)
      if (done === undefined) return
      subscriber.busy = true
      done.catch((error: Error) => { log.error({ err: error, job: id }, 'subscriber failed') }).finally(() => {
        subscriber.busy = false
        if (job.subscribers.has(subscriber) && subscriber.seq < job.seq) markDirty(id)
      })
    } catch (error) {
      log.error({ err: error, job: id }, 'subscriber failed')
    }
  }

  /** The row is gone: so are its events. */
  function drop (id: string): void {
    const job = watched.get(id)
    if (job === undefined) return
    for (const subscriber of job.subscribers) {
      remove(id, job, subscriber)
      hand(id, job, subscriber, null)
    }
  }

  function remove (id: string, job: Watched, subscriber: Subscriber): void {
    if (!job.subscribers.delete(subscriber)) return
    subscriptions--
    if (job.subscribers.size > 0) return
    watched.delete(id)
    dirty.delete(id)
  }

  function startPoll (): void {
    polling = poll().finally(() => {
      polling = null
      if (!closed) pollTimer = setTimeout(startPoll, hints.connected() ? POLL_EVERY : POLL_EVERY_WITHOUT_HINTS)
    })
  }

  async function poll (): Promise<void> {
    const ids = [...watched].filter(([, job]) => !job.terminal).map(([id]) => id)
    if (ids.length === 0) return
    try {
      const seqs = await readJobSeqs(pool, ids)
      for (const id of ids) noteSeq(id, seqs.get(id) ?? Infinity)
    } catch (error) {
      log.warn({ err: error, jobs: ids.length }, 'watched jobs not polled')
    }
  }

  return {
    subscribe (jobId, after, listener) {
      if (closed) throw new SiraError('draining')
      if (subscriptions >= MOST_SUBSCRIPTIONS) throw new SiraError('unavailable', { dependency: 'The job feed' }, { retryAfter: 5 })
      const job = watched.get(jobId) ?? { subscribers: new Set(), seq: after, terminal: false }
      const subscriber = { seq: after, busy: false, listener }
      watched.set(jobId, job)
      job.subscribers.add(subscriber)
      subscriptions++
      markDirty(jobId)
      return () => { remove(jobId, job, subscriber) }
    },
    async close () {
      closed = true
      clearTimeout(readTimer)
      clearTimeout(pollTimer)
      await Promise.all([reading, polling, hints.close()])
      watched.clear()
    }
  }
}
