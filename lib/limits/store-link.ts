import type { Logger } from '../log.ts'

/** ms that the store may take for an answer. */
const DEADLINE = 1_000
/** ms during which a store that failed is not asked again. */
const BACKOFF = 500

/** The way to the store: one question at a time, its deadline, and whether it is cut. */
export interface StoreLink {
  /** The answer, or null when the store is away: then, and for half a second, `isCut`. */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T | null>
  readonly isCut: () => boolean
}

export function createStoreLink (log: Logger): StoreLink {
  let failedAt = -Infinity
  let failing = false
  return {
    async ask (question) {
      let timer: NodeJS.Timeout | undefined
      try {
        const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(reject, DEADLINE, new Error(`no answer within ${DEADLINE} ms`)) })
        const answer = await Promise.race([question(), late])
        failing = false
        failedAt = -Infinity
        return answer
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'limits cannot be shared; going on with a part of them')
        failing = true
        failedAt = performance.now()
        return null
      } finally {
        clearTimeout(timer)
      }
    },
    isCut: () => performance.now() - failedAt < BACKOFF
  }
}
