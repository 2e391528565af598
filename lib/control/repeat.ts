/** Runs `work` `interval` ms after it last ended, and whenever `now` is called, never twice at once. `work` must not reject. */
export function repeat (interval: number, work: () => Promise<void>): { now: () => Promise<void>, close: () => Promise<void> } {
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let running = Promise.resolve()

  async function now (): Promise<void> {
    clearTimeout(timer)
    const turn = running.then(async () => { if (!closed) await work() })
    running = turn
    await turn
    if (closed || running !== turn) return // the last in the line sets the timer
    timer = setTimeout(() => { void now() }, interval)
  }
  timer = setTimeout(() => { void now() }, interval)

  return {
    now,
    async close () {
      closed = true
      clearTimeout(timer)
      await running
    }
  }
}
