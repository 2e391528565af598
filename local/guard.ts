import { type ChildProcess, spawn } from 'node:child_process'
import { startTime } from './processes.ts'

interface Watched { readonly pid: number, readonly started: string, readonly signal: NodeJS.Signals }

let watched: Watched[] = []
let watcher: ChildProcess | undefined

/**
 * Sees to it that a process started from this one does not outlive it, even when this one is killed with SIGKILL: a
 * small process beside us holds the other end of a pipe, and when the pipe closes it ends what is still there. (Linux
 * could do this in the kernel, macOS could not.)
 */
export function guard (pid: number, signal: NodeJS.Signals): void {
  watched = watched.filter(entry => startTime(entry.pid) === entry.started)
  const started = startTime(pid)
  if (started === null) return
  watched.push({ pid, started, signal })
  watcher ??= startWatcher()
  watcher.stdin?.write(`${JSON.stringify(watched)}\n`)
}

function startWatcher (): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', new URL('guard-process.ts', import.meta.url).pathname], {
    cwd: new URL('..', import.meta.url).pathname, detached: true, stdio: ['pipe', 'ignore', 'inherit']
  })
  // It must not keep us alive: at a normal end there is nothing left for it to do.
  child.unref()
  ;(child.stdin as unknown as { unref: () => void }).unref()
  child.stdin?.on('error', () => {}) // it has died; 'exit' starts another
  child.once('exit', () => {
    watcher = startWatcher()
    watcher.stdin?.write(`${JSON.stringify(watched)}\n`)
  })
  return child
}
