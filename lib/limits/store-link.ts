import type { Logger } from '../log.ts'

/** ms that a store which answered last time may take: a busy machine is not an outage. */
const PATIENCE = 5_000
/** ms that one which did not may take: nobody waits long for it again. */
const DEADLINE = 1_000
/** ms during which a store that failed is not asked again. */
const BACKOFF = 500
/** ms after which a question that was given up no longer holds up the next ones. */
const FORGOTTEN = 10_000

/** The way to the store: its deadline, and whether it is cut. */
export interface StoreLink {
  /**
   * The answer, or null when the store is away: then, and for half a second, `isCut`. While a question that was given up may
   * still reach the store nothing else is asked: the store could take up the older one last, and give away what is in use.
   */
  readonly ask: <T>(question: () => Promise<T>) => Promise<T | null>
  readonly isCut: () => boolean
}

export function createStoreLink (log: Logger, clock: () => number = () => performance.now()): StoreLink {
  let failedAt = -Infinity
  let failing = false
  /** Questions given up and not answered yet, with when they were asked. */
  const givenUp = new Map<symbol, number>()

  function isHeldUp (): boolean {
    for (const [name, askedAt] of givenUp) if (clock() - askedAt > FORGOTTEN) givenUp.delete(name)
    return givenUp.size > 0
  }

  return {
    async ask (question) {
      if (isHeldUp()) return null
      const name = Symbol('question')
      const askedAt = clock()
      const deadline = failing ? DEADLINE : PATIENCE
      let timer: NodeJS.Timeout | undefined
      try {
        const late = new Promise<never>((_resolve, reject) => {
          timer = setTimeout(() => {
            givenUp.set(name, askedAt)
            reject(new Error(`no answer within ${deadline} ms`))
          }, deadline)
        })
        const answering = question().finally(() => { givenUp.delete(name) })
        const answer = await Promise.race([answering, late])
        failing = false
        failedAt = -Infinity
        return answer
      } catch (error) {
        if (!failing) log.warn({ err: error }, 'limits cannot be shared; going on with a part of them')
        failing = true
        failedAt = clock()
        return null
      } finally {
        clearTimeout(timer)
      }
    },
    isCut: () => clock() - failedAt < BACKOFF || isHeldUp()
  }
}
