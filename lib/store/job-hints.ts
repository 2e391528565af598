import type pg from 'pg'
import { jobHintChannel } from '../contracts/jobs.ts'
import type { Logger } from '../log.ts'
import { closeOwnConnection, openOwnConnection } from './own-connection.ts'

/** Tells the api processes that jobs changed. A hint may get lost; whoever cares also looks at the rows now and then. */
export interface HintPublisher {
  /** To be called after the commit: a reader looks the row up as soon as the hint arrives. Never waits, never throws. */
  hint: (jobId: string, seq: number) => void
  /** Sends what waits, once, and closes the connection. */
  close: () => Promise<void>
}

/** ms between two NOTIFYs, so a job is told of at most ten times a second. */
const INTERVAL = 100
const LONGEST_BACKOFF = 5_000
/** Jobs that wait to be told of. Further ones are dropped: their readers find out by themselves. */
const MOST_WAITING = 10_000
/** Postgres refuses a payload of 8,000 bytes or more. */
const PAYLOAD_BYTES = 7_900

/**
 * Sends hints on a connection of its own and never inside a transaction that writes: a NOTIFY there takes a
 * lock of the whole database through the commit (measured: 3.8 times fewer commits with 32 clients).
 */
export function createHintPublisher (databaseUrl: string, log: Logger): HintPublisher {
  const waiting = new Map<string, number>()
  let client: pg.Client | null = null
  let timer: NodeJS.Timeout | undefined
  let sending: Promise<void> | null = null
  let failures = 0
  let nextAt = 0
  let closed = false

  function schedule (): void {
    if (timer !== undefined || sending !== null || closed || waiting.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      sending = send().finally(() => {
        sending = null
        schedule()
      })
    }, Math.max(0, nextAt - performance.now()))
  }

  async function send (): Promise<void> {
    nextAt = performance.now() + INTERVAL
    const hints = [...waiting]
    waiting.clear()
    try {
      client ??= await connect()
      await client.query(`SELECT pg_notify('${jobHintChannel}', payload) FROM unnest($1::text[]) AS payload`, [hintPayloads(hints)])
      failures = 0
    } catch (error) {
      log.warn({ err: error, jobs: hints.length }, 'job hints not sent')
      for (const [jobId, seq] of hints) wait(jobId, seq)
      nextAt = performance.now() + Math.min(LONGEST_BACKOFF, INTERVAL * 2 ** failures++)
      await drop()
    }
  }

  async function connect (): Promise<pg.Client> {
    const connection = await openOwnConnection(databaseUrl, 'sira job hints')
    void connection.lost.then(() => { if (client === connection.client) client = null })
    return connection.client
  }

  async function drop (): Promise<void> {
    const broken = client
    client = null
    if (broken !== null) await closeOwnConnection(broken)
  }

  function wait (jobId: string, seq: number): void {
    const known = waiting.get(jobId)
    if (known === undefined && waiting.size >= MOST_WAITING) return
    waiting.set(jobId, Math.max(seq, known ?? 0))
  }

  return {
    hint (jobId, seq) {
      if (closed) return
      wait(jobId, seq)
      schedule()
    },
    async close () {
      closed = true
      clearTimeout(timer)
      await sending
      if (waiting.size > 0) await send()
      await drop()
    }
  }
}

/** JSON arrays of `[jobId, seq]`, each short enough for one NOTIFY. */
export function hintPayloads (hints: ReadonlyArray<readonly [jobId: string, seq: number]>): string[] {
  const payloads: string[] = []
  let items: string[] = []
  let bytes = 1
  for (const hint of hints) {
    const item = JSON.stringify(hint)
    const size = Buffer.byteLength(item) + 1
    if (items.length > 0 && bytes + size > PAYLOAD_BYTES) {
      payloads.push(`[${items.join(',')}]`)
      items = []
      bytes = 1
    }
    items.push(item)
    bytes += size
  }
  if (items.length > 0) payloads.push(`[${items.join(',')}]`)
  return payloads
}

/** The hints in a payload. Throws when it is not one of ours. */
export function parseHints (payload: string): Array<[jobId: string, seq: number]> {
  const hints: unknown = JSON.parse(payload)
  if (Array.isArray(hints) && hints.every(isHint)) return hints
  throw new Error('not an array of [jobId, seq]')
}

function isHint (value: unknown): value is [string, number] {
  return Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && Number.isSafeInteger(value[1])
}
