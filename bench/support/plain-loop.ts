import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { LoopRequest } from '../plain-loop.ts'

export interface PlainLoop {
  readonly pid: number
  run: (request: LoopRequest) => Promise<void>
}

/** The loop in a process of its own, which ends with this one. */
export function startPlainLoop (origin: string, inFlight: number): PlainLoop {
  const child = fork(new URL('../plain-loop.ts', import.meta.url), [origin, String(inFlight)], { execArgv: ['--import', 'tsx'] })
  return {
    pid: child.pid!,
    async run (request) {
      const over = new AbortController()
      const exited = once(child, 'exit', over).then(([code]) => { throw new Error(`The plain loop ended with ${String(code)}`) })
      child.send(request)
      await Promise.race([once(child, 'message', over), exited])
      over.abort()
      await exited.catch(() => {})
    }
  }
}
