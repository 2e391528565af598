import type { LargeBody, LargeText } from '../../contracts/gateway.ts'
import type { Endpoint } from '../../providers/types.ts'
import type { Inspected, Rendered, RenderOrder } from './thread.ts'
import { runInThread, threadModule } from './threads.ts'

/**
 * Bytes from which a body is read, checked and translated in a thread: parsing and writing one of this size takes about
 * 10 ms, and no other request should wait longer than that.
 */
export const largeBody = 1024 * 1024

const module = threadModule('thread', import.meta.url)

/** Throws the SiraError of what is wrong with the body. */
export async function inspectLarge (text: LargeText, endpoint: Endpoint, signal?: AbortSignal): Promise<Inspected> {
  return await runInThread('compute', module, 'inspect', { endpoint }, text, signal)
}

/** Throws SiraError when the target cannot do what the body asks. */
export async function renderLarge (large: LargeBody, order: Omit<RenderOrder, 'bytes' | 'bulk'>, signal?: AbortSignal): Promise<Rendered> {
  const { text, bulk } = large
  return await runInThread('compute', module, 'render', { ...order, bulk }, text, signal)
}
