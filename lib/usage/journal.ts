import { randomBytes } from 'node:crypto'
import { mkdirSync, unlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UsageJournal } from '../contracts/usage.ts'
import type { Logger } from '../log.ts'
import { createCommit, type WriteRecords } from './commit.ts'
import { createGate } from './gate.ts'
import { showLiving } from './liveness.ts'
import { encodeRecord } from './record-line.ts'
import { takeOver } from './recover.ts'
import { appendLine, closeSegment, createSegment, openLeftSegment, readBatch, removeSegment, segmentPath, type Segment } from './segment.ts'
import { setAside } from './set-aside.ts'

export interface JournalOptions {
  /** On a local disk; may be shared by any number of processes of this machine, containers among them. */
  readonly directory: string
  readonly processId: string
  /** `processId` is that of the process that saw the requests: a dead one's when its records are recovered. */
  readonly write: WriteRecords
  readonly log: Logger
  /** Bytes that may wait for Postgres before `hasRoom` says no. */
  readonly maxPendingBytes?: number
  /** ms between two looks for processes that died. */
  readonly recoverEvery?: number
}

const SEGMENT_BYTES = 4 * 1024 * 1024
/** A batch is sent when it has so many rows, or so many ms after its first. */
const MOST_ROWS = 500
const INTERVAL = 200
/** ms that a close waits for Postgres; what remains then stays on disk for the next process. */
const CLOSING = 3_000
const PAUSE_AFTER_FAILURE = 2_000

/**
 * Opens this process's part of the journal, and begins to carry over what dead processes left. Throws when the directory
 * cannot be used.
 */
export async function openJournal ({ directory: given, processId, write, log, maxPendingBytes = 64 * 1024 * 1024, recoverEvery = 30_000 }: JournalOptions): Promise<UsageJournal> {
  const directory = resolve(given)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const owner = randomBytes(8).toString('hex')
  let made = 0
  const newPath = (): string => segmentPath(directory, { owner, number: made++ })
  const living = await showLiving(directory, owner)
  const segments = [createSegment(newPath(), processId)]

  const stop = new AbortController()
  const gate = createGate()
  const pending = { bytes: 0, records: 0 }
  let flushing: Array<{ left: number, done: () => void }> = []
  let closed = false
  /** When the disk refused a line; nothing can follow it in that file. */
  let brokenAt: number | null = null

  const reject = (line: string, reason: string, id: string | null): void => {
    const kept = setAside(directory, { reason, at: new Date().toISOString(), line })
    log.error({ reason, request: id, kept }, 'a usage record can never be stored and was set aside')
  }
  const commit = createCommit({ write, log, signal: stop.signal, setAside: (record, reason) => { reject(encodeRecord(record).trimEnd(), reason, record.id) } })

  /** Moves a segment on by a batch. Returns how many bytes and lines; none = no whole line is left. */
  async function carryBatch (segment: Segment): Promise<{ bytes: number, lines: number }> {
    const { records, unreadable, bytes } = await readBatch(segment, MOST_ROWS)
    if (records.length > 0) await commit(records, segment.processId)
    for (const line of unreadable) reject(line, 'unreadable', null)
    segment.committed += bytes
    return { bytes, lines: records.length + unreadable.length }
  }

  async function carryOwn (): Promise<void> {
    const segment = segments[0]!
    if (segment.committed < segment.size) {
      if (pending.records < MOST_ROWS && flushing.length === 0) await gate.wait(INTERVAL)
      const { bytes, lines } = await carryBatch(segment)
      pending.bytes -= bytes
      pending.records -= lines
      for (const flush of flushing) flush.left -= lines
      for (const flush of flushing) if (flush.left <= 0) flush.done()
      flushing = flushing.filter(flush => flush.left > 0)
    } else if (segments.length > 1) {
      segments.shift()
      removeSegment(segment)
    } else await gate.wait()
  }

  async function carryLeft (path: string): Promise<void> {
    const segment = await openLeftSegment(path)
    if (segment === null) {
      unlinkSync(path)
      return
    }
    while (!stop.signal.aborted && (await carryBatch(segment)).bytes > 0);
    if (stop.signal.aborted) {
      closeSegment(segment)
      return
    }
    const cut = segment.size - segment.committed
    if (cut > 0) log.warn({ process: segment.processId, bytes: cut }, 'the last line of a usage journal is cut off and was left out')
    removeSegment(segment)
  }

  async function recover (): Promise<void> {
    const paths = await takeOver(directory, owner, newPath)
    if (paths.length > 0) log.info({ segments: paths.length }, 'recovering usage of a process that is gone')
    for (const path of paths) {
      try {
        await carryLeft(path)
      } catch (error) {
        if (stop.signal.aborted) return
        log.error({ err: error, path }, 'a file of the usage journal cannot be recovered; it stays where it is')
      }
    }
  }

  /** One step again and again until the journal closes. A step throws when the disk fails, or when it is cut short by the close. */
  async function repeat (step: () => Promise<void>): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await step()
      } catch (error) {
        if (stop.signal.aborted) return
        log.error({ err: error }, 'the usage journal cannot be read; it tries again')
        await pause(PAUSE_AFTER_FAILURE)
      }
    }
  }
  async function pause (milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: stop.signal, ref: false }).catch((error: Error) => { if (error.name !== 'AbortError') throw error })
  }
  const working = Promise.all([
    repeat(carryOwn),
    repeat(async () => {
      await recover()
      await pause(recoverEvery)
    })
  ])

  function renew (): void {
    segments.push(createSegment(newPath(), processId))
    brokenAt = null
  }

  /** Notes that the disk refuses, so that no further requests are taken, and says so once. */
  function breakOff (error: unknown): void {
    if (brokenAt === null) log.error({ err: error }, 'the usage journal cannot be written; requests are refused until it can')
    brokenAt = performance.now()
  }

  async function flush (): Promise<void> {
    if (pending.records === 0) return
    await new Promise<void>(resolve => {
      flushing.push({ left: pending.records, done: resolve })
      gate.open()
    })
  }

  return {
    append (record) {
      if (closed) throw new Error('The usage journal is closed')
      const line = encodeRecord(record)
      try {
        if (brokenAt !== null || segments.at(-1)!.size >= SEGMENT_BYTES) renew()
        const segment = segments.at(-1)!
        const before = segment.size
        appendLine(segment, line)
        pending.bytes += segment.size - before
      } catch (error) {
        breakOff(error)
        throw error
      }
      // the first of a batch begins its time, the last ends it
      if (++pending.records === 1 || pending.records === MOST_ROWS) gate.open()
    },
    hasRoom () {
      if (brokenAt !== null && performance.now() - brokenAt > 1_000) {
        try {
          renew()
        } catch (error) {
          breakOff(error)
        }
      }
      return brokenAt === null && pending.bytes < maxPendingBytes
    },
    flush,
    async close () {
      if (closed) return
      closed = true
      await Promise.race([flush(), pause(CLOSING)])
      stop.abort()
      gate.open()
      await Promise.race([working, sleep(CLOSING, undefined, { ref: false })])
      for (const segment of segments) {
        if (segment.committed < segment.size) closeSegment(segment)
        else removeSegment(segment)
      }
      await living.close()
    }
  }
}
