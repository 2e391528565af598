import { Piscina } from 'piscina'
import { SiraError } from '../../errors.ts'
import type { Endpoint } from '../../providers/types.ts'
import type { Inspected, Rendered, RenderOrder, Told } from './thread.ts'

/**
 * Bytes from which a body is read, checked and translated in a thread: parsing and writing one of this size takes about
 * 10 ms, and no other request should wait longer than that.
 */
export const largeBody = 1024 * 1024

/** Bodies that wait for a thread; each holds its bytes. */
const mostWaiting = 64

/** Compiled code needs nobody to load TypeScript. */
const entry = import.meta.url.endsWith('.ts') ? new URL('thread-entry.mjs', import.meta.url) : new URL('thread.js', import.meta.url)

let threads: Piscina | undefined

/** Started with the first large body: most processes never see one. Idle threads end after a minute. */
function pool (): Piscina {
  threads ??= new Piscina({ filename: entry.href, maxThreads: 2, minThreads: 0, idleTimeout: 60_000, maxQueue: mostWaiting, concurrentTasksPerWorker: 1 })
  return threads
}

/** Throws the SiraError of what is wrong with the body. */
export async function inspectLarge (bytes: Uint8Array, endpoint: Endpoint): Promise<Inspected> {
  return await run('inspect', { bytes, endpoint })
}

/** Throws SiraError when the target cannot do what the body asks. */
export async function renderLarge (order: RenderOrder): Promise<Rendered> {
  return await run('render', order)
}

async function run<Result> (name: string, input: unknown): Promise<Result> {
  if (pool().queueSize >= mostWaiting) throw new SiraError('unavailable', { dependency: 'A thread for large bodies' }, { retryAfter: 1 })
  const told = await pool().run(input, { name }) as Told<Result>
  if ('ok' in told) return told.ok
  const { code, params, param } = told.error
  throw new SiraError(code, params, param === null ? {} : { param })
}
