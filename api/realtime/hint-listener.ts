import { setTimeout as sleep } from 'node:timers/promises'
import { jobHintChannel } from '../../lib/contracts/jobs.ts'
import type { Logger } from '../../lib/log.ts'
import { parseHints } from '../../lib/store/job-hints.ts'
import { closeOwnConnection, openOwnConnection } from '../../lib/store/own-connection.ts'

export interface HintListener {
  /** Whether hints arrive now, as far as is known. */
  connected: () => boolean
  close: () => Promise<void>
}

interface Options {
  readonly databaseUrl: string
  readonly log: Logger
  readonly onHint: (jobId: string, seq: number) => void
  /** Listening has begun, for the first time or again: what was sent before is lost. */
  readonly onConnected: () => void
}

/** ms between two checks that a silent connection still works. */
const CHECK_EVERY = 5_000
const LONGEST_BACKOFF = 2_000

/** LISTENs for job hints on a connection of its own and connects again whenever it is lost. */
export function createHintListener ({ databaseUrl, log, onHint, onConnected }: Options): HintListener {
  const stop = new AbortController()
  let connected = false
  const finished = run()

  async function run (): Promise<void> {
    for (let failures = 0; !stop.signal.aborted; failures++) {
      try {
        await listen(() => { failures = 0 })
      } catch (error) {
        if (stop.signal.aborted) return
        log.warn({ err: error }, 'not listening for job hints')
      }
      await pause(Math.min(LONGEST_BACKOFF, 100 * 2 ** failures), stop.signal)
    }
  }

  /** Returns when told to stop; throws when the connection is lost. */
  async function listen (onListening: () => void): Promise<void> {
    const { client, lost } = await openOwnConnection(databaseUrl, 'sira job feed')
    const over = new AbortController()
    const end = (): void => { over.abort() }
    let failure: Error | null = null
    void lost.then(error => {
      failure = error
      end()
    })
    stop.signal.addEventListener('abort', end, { once: true })
    try {
      client.on('notification', message => { receive(message.payload ?? '') })
      await client.query(`LISTEN ${jobHintChannel}`)
      connected = true
      onListening()
      onConnected()
      while (!stop.signal.aborted) {
        await pause(CHECK_EVERY, over.signal)
        if (failure !== null) throw failure
        if (!stop.signal.aborted) await client.query('SELECT 1')
      }
    } finally {
      connected = false
      stop.signal.removeEventListener('abort', end)
      await closeOwnConnection(client)
    }
  }

  function receive (payload: string): void {
    try {
      for (const [jobId, seq] of parseHints(payload)) onHint(jobId, seq)
    } catch (error) {
      log.warn({ err: error }, 'job hint cannot be read')
    }
  }

  return {
    connected: () => connected,
    async close () {
      stop.abort()
      await finished
    }
  }
}

/** Resolves after the time, or at once when the signal aborts. */
async function pause (ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
