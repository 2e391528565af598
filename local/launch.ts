import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { guard } from './guard.ts'

export interface Exit { readonly code: number | null, readonly signal: NodeJS.Signals | null }

export interface Process {
  readonly pid: number
  readonly exited: Promise<Exit>
  stop: () => Promise<void>
}

/** A log that has grown beyond this is set aside when its process starts again; the one set aside before is dropped. */
const mostLogBytes = 20 * 1024 * 1024

interface Launch {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly logFile: string
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  readonly stopSignal?: NodeJS.Signals
  /** ms from the stop signal to SIGKILL. */
  readonly stopDeadline?: number
}

export interface LaunchedProcess extends Process {
  readonly name: string
  /** What the process logged since it was launched; of more than 64 KiB, the first. */
  log: () => string
}

/**
 * Starts a process in a session of its own: Ctrl-C in a terminal goes to the whole foreground group, and an engine that
 * stopped on it would be gone before the processes that use it have drained.
 */
export async function launch (options: Launch): Promise<LaunchedProcess> {
  const { name, command, args, logFile, cwd, uid, gid, stopSignal = 'SIGTERM', stopDeadline = 10_000 } = options
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 })
  if (existsSync(logFile) && statSync(logFile).size > mostLogBytes) renameSync(logFile, `${logFile}.old`)
  const log = openSync(logFile, 'a', 0o600)
  const logStart = statSync(logFile).size
  let child: ChildProcess
  try {
    child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: options.env ?? process.env,
      ...(cwd !== undefined && { cwd }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid })
    })
  } finally {
    closeSync(log)
  }
  const exited = new Promise<Exit>(resolve => child.once('exit', (code, signal) => resolve({ code, signal })))
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', error => reject(new Error(`${name} cannot be started: ${error.message}`, { cause: error })))
  })
  const pid = child.pid as number
  guard(pid, stopSignal)
  let exit: Exit | undefined
  void exited.then(value => { exit = value })
  const stop = async (): Promise<void> => {
    if (exit !== undefined) return
    child.kill(stopSignal)
    const timer = setTimeout(() => child.kill('SIGKILL'), stopDeadline)
    await exited
    clearTimeout(timer)
  }
  return { name, pid, exited, stop, log: () => readFrom(logFile, logStart) }
}

function readFrom (path: string, offset: number): string {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(64 * 1024)
    return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, offset))
  } finally {
    closeSync(file)
  }
}

/** Asks `check` every 50 ms until it resolves true. Throws, with the process's log, when it exits or the deadline (ms) passes. */
export async function waitUntilReady (launched: LaunchedProcess, check: () => Promise<boolean>, deadline = 60_000): Promise<void> {
  const end = performance.now() + deadline
  let exit: Exit | undefined
  void launched.exited.then(value => { exit = value })
  while (!await check()) {
    if (exit !== undefined) throw new Error(`${launched.name} exited with ${exit.signal ?? exit.code} before it was ready:\n${launched.log().trim().slice(-4000)}`)
    if (performance.now() > end) {
      await launched.stop()
      throw new Error(`${launched.name} was not ready within ${deadline / 1000} s:\n${launched.log().trim().slice(-4000)}`)
    }
    await delay(50)
  }
}
