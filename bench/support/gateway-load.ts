import { answerOf, startChild } from './child.ts'

/** Where calls go. `model` also tells which answer is right. */
export interface LoadTarget { readonly url: string, readonly path: string, readonly key: string | null, readonly model: 'fast' | 'slow' | 'paced' | 'long' }

export type LoadOrder =
  | { readonly kind: 'closed', readonly target: LoadTarget, readonly stream: boolean, readonly inFlight: number, readonly calls: number, readonly seconds: number }
  | { readonly kind: 'open', readonly targets: readonly LoadTarget[], readonly stream: boolean, readonly rate: number, readonly seconds: number }
  | { readonly kind: 'streams', readonly target: LoadTarget, readonly count: number }

/** ms of one call: whole, to the first byte of the body, and the longest time between two pieces. */
export interface Timing { readonly ms: number, readonly firstMs: number, readonly longestGapMs: number }

/** `answered` counts right and whole answers; an order with any other fails. `timings` by target, not of `closed`. */
export interface LoadResult { readonly answered: number, readonly seconds: number, readonly timings: readonly (readonly Timing[])[] }

export interface Load {
  run: (order: LoadOrder) => Promise<LoadResult>
  stop: () => void
}

/** The caller in a process of its own, which ends with this one. */
export function startLoad (): Load {
  const child = startChild('gateway-load.ts')
  return {
    async run (order) {
      child.send(order)
      return (await answerOf<[LoadResult]>(child))[0]
    },
    stop () { child.kill() }
  }
}
