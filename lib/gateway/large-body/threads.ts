import { availableParallelism } from 'node:os'
import { Piscina } from 'piscina'
import type { LargeText } from '../../contracts/gateway.ts'
import { SiraError } from '../../errors.ts'
import { isCompiled } from '../../source-root.ts'
import { untold, type Told } from './told.ts'

/**
 * Threads by what they do, and what each does at once. They leave a core to the event loop. What waits for Postgres has a thread of its own: an outage there must not hold
 * up bodies that have nothing to do with it.
 */
const kinds = { compute: { threads: Math.max(1, Math.min(2, availableParallelism() - 1)), atOnce: 1 }, database: { threads: 1, atOnce: 4 } } as const
type Kind = keyof typeof kinds
/** Pieces of work of a kind that wait for their turn. The bytes that they hold have a bound of their own (room.ts). */
const mostWaiting = 64

/** The module `name` beside the one at `url`, as source or compiled. */
export function threadModule (name: string, url: string): URL { return new URL(`${name}.${isCompiled ? 'js' : 'ts'}`, url) }

interface Lane { running: number, readonly waiting: Set<() => void> }
const lanes: Record<Kind, Lane> = { compute: { running: 0, waiting: new Set() }, database: { running: 0, waiting: new Set() } }
const pools: Partial<Record<Kind, Piscina>> = {}

/** Started with the first large body: most processes never see one. Idle threads end after a minute, and what they hold with them. */
function poolOf (kind: Kind): Piscina {
  const { threads, atOnce } = kinds[kind]
  pools[kind] ??= new Piscina({
    filename: new URL(isCompiled ? 'thread-work.js' : 'thread-entry.mjs', import.meta.url).href, maxThreads: threads, minThreads: 0, idleTimeout: 60_000, concurrentTasksPerWorker: atOnce, recordTiming: false
  })
  return pools[kind]
}

/**
 * Runs the exported function `name` of a module in a thread, where it may take as long as it needs. It gets `input` and the bytes of
 * `text`, which are not here until it is done: one piece of work at a time. Throws the SiraError that it tells, or `unavailable` when
 * too many wait. When `signal` is aborted while it waits, it never runs.
 */
export async function runInThread<Result> (kind: Kind, module: URL, name: string, input: object, text: LargeText | null, signal?: AbortSignal): Promise<Result> {
  const lane = lanes[kind]
  const { threads, atOnce } = kinds[kind]
  if (lane.running < threads * atOnce) lane.running += 1
  else await turn(lane, signal)
  try {
    const bytes = text?.bytes ?? null
    const { told, bytes: back } = await poolOf(kind).run(
      { module: module.href, name, input, bytes }, bytes === null ? {} : { transferList: [bytes.buffer] }
    ) as { told: Told<Result>, bytes: LargeText['bytes'] | null }
    if (text !== null && back !== null) text.bytes = back
    return untold(told)
  } finally {
    const [next] = lane.waiting
    if (next === undefined) lane.running -= 1
    else next() // takes the place over
  }
}

async function turn ({ waiting }: Lane, signal: AbortSignal | undefined): Promise<void> {
  if (waiting.size >= mostWaiting) throw new SiraError('unavailable', { dependency: 'A thread for large bodies' }, { retryAfter: 1 })
  if (signal?.aborted === true) throw gone()
  await new Promise<void>((resolve, reject) => {
    const leave = (): void => {
      waiting.delete(begin)
      reject(gone())
    }
    const begin = (): void => {
      waiting.delete(begin)
      signal?.removeEventListener('abort', leave)
      resolve()
    }
    waiting.add(begin)
    signal?.addEventListener('abort', leave, { once: true })
  })
}

/** Nobody reads it; but it is no fault of ours that would be logged. */
function gone (): SiraError {
  return new SiraError('invalid_request', { reason: 'The connection was closed before the answer.' })
}
