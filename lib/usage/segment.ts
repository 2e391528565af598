import { closeSync, fstatSync, openSync, read, unlinkSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import type { UsageRecord } from '../contracts/usage.ts'
import { decodeRecord, lineVersion } from './record-line.ts'

const readAt = promisify(read)

/** A file of the journal: a header, then a line per record. Offsets and sizes are bytes. */
export interface Segment {
  readonly path: string
  readonly descriptor: number
  /** The process whose lines these are; budgets are settled in its name. */
  readonly processId: string
  /** End of the last whole line. */
  size: number
  /** Everything before is in Postgres. */
  committed: number
}

export interface SegmentName { readonly owner: string, readonly number: number }

/** Files of one owner, in the order they were made. */
export function segmentPath (directory: string, { owner, number }: SegmentName): string {
  return join(directory, `${owner}-${String(number).padStart(9, '0')}.jsonl`)
}

export function parseSegmentName (path: string): SegmentName | null {
  const match = /^([0-9a-f]{16})-(\d{9,})\.jsonl$/.exec(basename(path))
  return match === null ? null : { owner: match[1]!, number: Number(match[2]) }
}

/** Makes the file, readable by nobody else as end users are named in it. Throws what the file system says. */
export function createSegment (path: string, processId: string): Segment {
  const descriptor = openSync(path, 'ax+', 0o600)
  const segment: Segment = { path, descriptor, processId, size: 0, committed: 0 }
  try {
    appendLine(segment, JSON.stringify({ version: lineVersion, process: processId }) + '\n')
  } catch (error) {
    removeSegment(segment)
    throw error
  }
  segment.committed = segment.size
  return segment
}

/** Writes one line whole, or throws and leaves `size` before it: nothing may be appended to this file any more. */
export function appendLine (segment: Segment, line: string): void {
  const bytes = Buffer.byteLength(line)
  let written = writeSync(segment.descriptor, line)
  if (written < bytes) { // a disk about to be full takes a part
    const rest = Buffer.from(line)
    while (written < bytes) written += writeSync(segment.descriptor, rest, written)
  }
  segment.size += bytes
}

/** A file that another process left behind. null when it has nothing but, at most, a header cut short. Throws when a newer version wrote it. */
export async function openLeftSegment (path: string): Promise<Segment | null> {
  const descriptor = openSync(path, 'r')
  const { size } = fstatSync(descriptor)
  const { lines: [header], bytes } = await readLines({ descriptor, committed: 0, size }, 1)
  if (header === undefined) {
    closeSync(descriptor)
    return null
  }
  const { version, process: processId } = JSON.parse(header) as { version: number, process: string }
  if (version !== lineVersion) {
    closeSync(descriptor)
    throw new Error(`${basename(path)} has version ${version}, this program knows version ${lineVersion}`)
  }
  return { path, descriptor, processId, size, committed: bytes }
}

export function closeSegment (segment: Segment): void { closeSync(segment.descriptor) }

export function removeSegment (segment: Segment): void {
  closeSync(segment.descriptor)
  unlinkSync(segment.path)
}

export interface Batch {
  readonly records: readonly UsageRecord[]
  /** Lines that are no records. */
  readonly unreadable: readonly string[]
  /** How far `committed` goes on when all of them are stored. 0 = no whole line is left. */
  readonly bytes: number
}

/** The next lines that are not committed, at most `limit`. Read back from the file (the page cache), so that a backlog costs no memory. */
export async function readBatch (segment: Segment, limit: number): Promise<Batch> {
  const { lines, bytes } = await readLines(segment, limit)
  const records: UsageRecord[] = []
  const unreadable: string[] = []
  for (const line of lines) {
    const record = decodeRecord(line)
    if (record === null) unreadable.push(line)
    else records.push(record)
  }
  return { records, unreadable, bytes }
}

const CHUNK_BYTES = 256 * 1024

async function readLines (segment: Pick<Segment, 'descriptor' | 'committed' | 'size'>, limit: number): Promise<{ lines: string[], bytes: number }> {
  const left = segment.size - segment.committed
  for (let length = Math.min(left, CHUNK_BYTES); length > 0; length = Math.min(left, length * 4)) {
    const buffer = Buffer.allocUnsafe(length)
    const { bytesRead } = await readAt(segment.descriptor, buffer, 0, length, segment.committed)
    const lines: string[] = []
    let start = 0
    while (lines.length < limit) {
      const end = buffer.indexOf(10, start)
      if (end === -1 || end >= bytesRead) break
      lines.push(buffer.toString('utf8', start, end))
      start = end + 1
    }
    if (start > 0 || length === left) return { lines, bytes: start }
  }
  return { lines: [], bytes: 0 }
}
