import { setTimeout as delay } from 'node:timers/promises'
import type { Process } from './launch.ts'

export interface Supervised {
  readonly name: string
  /** null between a death and the next process being ready. */
  pid: () => number | null
  /** Sends SIGKILL, or another signal, and does not start the process again before `downtime` ms have passed. */
  kill: (signal?: NodeJS.Signals, downtime?: number) => void
  /** Resolves with the pid of a ready process that is not the one given. */
  replaced: (pid: number) => Promise<number>
  /** Ends the process for good. */
  stop: () => Promise<void>
}

export interface SupervisedOptions {
  readonly name: string
  /** Resolves when the process is ready. Calls `launched` as soon as there is one, so that it can be stopped before it is ready. */
  readonly start: (launched: (process: Process) => void) => Promise<Process>
  /** Called after every change of the pid. */
  readonly onChange: () => void
  readonly say: (message: string) => void
}

/** ms before the first, second … restart in a row; the last one repeats. */
const restartDelays = [0, 250, 500, 1000, 2000, 5000] as const
/** A process that has lived this long (ms) starts the row anew. */
const healthyAfter = 10_000

/** Starts a process and keeps it running. Throws when the first start fails. */
export async function supervise (options: SupervisedOptions): Promise<Supervised> {
  const { name, start, onChange, say } = options
  const stopping = new AbortController()
  const waiting = new Set<{ old: number, resolve: (pid: number) => void }>()
  let latest: Process | undefined
  let ready: number | null = null
  let downUntil = 0

  const startOnce = async (): Promise<Process> => {
    const process = await start(launched => {
      latest = launched
      if (stopping.signal.aborted) void launched.stop()
    })
    latest = process
    ready = process.pid
    onChange()
    for (const waiter of waiting) {
      if (waiter.old === process.pid) continue
      waiting.delete(waiter)
      waiter.resolve(process.pid)
    }
    return process
  }

  const keepRunning = async (first: Process): Promise<void> => {
    let current: Process | undefined = first
    let deaths = 0
    while (!stopping.signal.aborted) {
      const started = performance.now()
      if (current !== undefined) {
        const { code, signal } = await current.exited
        ready = null
        onChange()
        if (stopping.signal.aborted) return
        say(`${name} ended (${signal ?? `exit code ${code}`}); starting it again`)
      }
      if (performance.now() - started > healthyAfter) deaths = 0
      const pause = restartDelays[Math.min(deaths, restartDelays.length - 1)] ?? 0
      deaths += 1
      try {
        await delay(Math.max(pause, downUntil - performance.now()), undefined, { signal: stopping.signal })
        current = await startOnce()
      } catch (error) {
        current = undefined
        if (!stopping.signal.aborted) say(`${name} could not be started: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
  }

  const done = keepRunning(await startOnce())
  return {
    name,
    pid: () => ready,
    kill: (signal = 'SIGKILL', downtime = 0) => {
      downUntil = performance.now() + downtime
      if (ready === null) throw new Error(`${name} is not running`)
      process.kill(ready, signal)
    },
    replaced: async old => ready !== null && ready !== old ? ready : new Promise(resolve => waiting.add({ old, resolve })),
    stop: async () => {
      stopping.abort()
      await latest?.stop()
      await done
      // A start that was under way may have given one more.
      await latest?.stop()
    }
  }
}
