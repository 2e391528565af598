/** Where one loop waits for something to do. */
export interface Gate {
  /** Ends the wait; when nobody waits, the next wait ends at once. */
  open: () => void
  /** Until the gate is opened, at most so many ms. */
  wait: (milliseconds?: number) => Promise<void>
}

export function createGate (): Gate {
  let opened = false
  let pass: (() => void) | null = null
  return {
    open () {
      opened = true
      pass?.()
    },
    async wait (milliseconds) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        pass = resolve
        if (opened) resolve()
        else if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds)
      })
      clearTimeout(timer)
      pass = null
      opened = false
    }
  }
}
