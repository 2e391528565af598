/** Lets one waiter sleep until something happens. A ring while nobody waits is kept for the next wait. */
export interface Alarm {
  readonly ring: () => void
  /** Resolves at the next ring, or after `most` ms. */
  readonly wait: (most: number) => Promise<void>
}

export function createAlarm (): Alarm {
  let rung = false
  let wake: (() => void) | null = null
  return {
    ring () {
      rung = true
      wake?.()
    },
    async wait (most) {
      if (!rung) {
        await new Promise<void>(resolve => {
          const timer = setTimeout(resolve, most)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
        wake = null
      }
      rung = false
    }
  }
}
