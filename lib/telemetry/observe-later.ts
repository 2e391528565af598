import type { UsageRecord } from '../contracts/usage.ts'

type Observe = (record: UsageRecord, traceparent: string | undefined) => void

/** ms after the first of a lot. */
const LATER = 100
const MOST = 500

/**
 * Observes in lots: it is not a part of any request then, and a lot costs less than its requests one by one. `flush` is for who
 * reads what was observed.
 */
export function observeLater (observe: Observe): { readonly observe: Observe, readonly flush: () => void } {
  let waiting: Array<readonly [UsageRecord, string | undefined]> = []
  let timer: NodeJS.Timeout | null = null

  function flush (): void {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const lot = waiting
    waiting = []
    for (const [record, traceparent] of lot) observe(record, traceparent)
  }

  return {
    observe (record, traceparent) {
      waiting.push([record, traceparent])
      if (waiting.length >= MOST) flush()
      else timer ??= setTimeout(flush, LATER)
    },
    flush
  }
}
