import type { Logger } from '../lib/log.ts'

/** Runs `work` again and again, `interval` ms after it last ended, until closed. A failure is logged once until it works again. */
export function every (interval: number, name: string, log: Logger, work: () => Promise<void>): { close: () => Promise<void> } {
  let closed = false
  let failing = false
  let running: Promise<void> = Promise.resolve()
  let timer = setTimeout(run, interval)

  function run (): void {
    running = work().then(() => { failing = false }, (error: unknown) => {
      if (!failing) log.warn({ err: error, loop: name }, 'background work failed; it goes on')
      failing = true
    }).then(() => { if (!closed) timer = setTimeout(run, interval) })
  }

  return {
    async close () {
      closed = true
      clearTimeout(timer)
      await running
    }
  }
}
