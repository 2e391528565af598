import { setTimeout as sleep } from 'node:timers/promises'
import type { Batch } from 'openai/resources/batches'
import type { Product, User } from '../../support/product.ts'

/** What `GET /v1/batches/{id}` said, one after the other; requests that failed in an outage are left out. */
export type Sighting = Pick<Batch, 'status' | 'request_counts' | 'usage'>

export interface Watch {
  readonly batchId: string
  readonly sightings: Sighting[]
  /** Resolves when the batch has `rows` results at least, or has ended. */
  reached: (rows: number, deadline?: number) => Promise<void>
  /** Resolves with the first terminal status. Rejects with what was last seen when `deadline` ms pass. */
  finished: (deadline?: number) => Promise<string>
}

const terminal = ['completed', 'failed', 'expired', 'cancelled']
const INTERVAL = 50

/** Polls a batch from now until it ends (and a little longer), through outages of the api. */
export function watchBatch ({ stopped }: Product, user: User, batchId: string): Watch {
  const sightings: Sighting[] = []
  const last = (): Sighting | undefined => sightings.at(-1)
  const done = (): number => (last()?.request_counts?.completed ?? 0) + (last()?.request_counts?.failed ?? 0)
  const isOver = (): boolean => terminal.includes(last()?.status ?? '')
  const ended = poll()
  ended.catch(() => {}) // told to whoever waits

  async function poll (): Promise<void> {
    while (!isOver() && !stopped.aborted) {
      await look()
      await sleep(INTERVAL)
    }
    for (let more = 0; more < 3; more++) await look()
  }

  async function look (): Promise<void> {
    let response: Response
    try {
      response = await user.request('GET', `/v1/batches/${batchId}`)
      if (response.status === 503) return
      const text = await response.text()
      if (response.status !== 200) throw new Refused(`${response.status} ${text}`)
      sightings.push(JSON.parse(text) as Batch)
    } catch (error) {
      if (error instanceof Refused) throw error
      // the api is down, or went down under this request
    }
  }

  async function until (what: string, check: () => boolean, deadline: number): Promise<void> {
    const end = performance.now() + deadline
    while (!check()) {
      if (performance.now() > end) throw new Error(`${batchId} has not ${what} in ${deadline} ms: ${JSON.stringify(last())}`)
      await Promise.race([ended, sleep(10)])
    }
  }

  return {
    batchId,
    sightings,
    reached: async (rows, deadline = 60_000) => { await until(`${rows} results`, () => done() >= rows || isOver(), deadline) },
    finished: async (deadline = 60_000) => {
      await until('ended', isOver, deadline)
      await ended
      return last()!.status
    }
  }
}

/** An answer that no outage explains. */
class Refused extends Error {}
