import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * When the process started, in the system's own words; null when there is no such process, or only its unreaped exit
 * status. Together with the pid it names a process for good: pids are used again, also after a restart of the machine.
 */
export function startTime (pid: number): string | null {
  if (!Number.isInteger(pid) || pid <= 1) return null
  if (process.platform !== 'linux') return ask(pid, 'lstart')
  const stat = read(`/proc/${pid}/stat`)
  if (stat === null) return null
  // proc(5): the fields after the command's closing parenthesis are state (3), …, starttime (22, ticks since boot).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const boot = read('/proc/sys/kernel/random/boot_id')?.trim() ?? ''
  return fields[0] === 'Z' ? null : `${boot} ${fields[19]}`
}

/** The command line of a process; '' when there is none. */
export function commandLine (pid: number): string {
  if (startTime(pid) === null) return ''
  if (process.platform !== 'linux') return ask(pid, 'command') ?? ''
  return (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim()
}

/** Signals a process that need not be our child, waits until it is gone, and sends SIGKILL after the deadline (ms). */
export async function endProcess (pid: number, signal: NodeJS.Signals, deadline: number): Promise<void> {
  const identity = startTime(pid)
  if (identity === null) return
  const isThere = (): boolean => startTime(pid) === identity
  const end = performance.now() + deadline
  process.kill(pid, signal)
  while (isThere() && performance.now() < end) await delay(20)
  if (!isThere()) return
  process.kill(pid, 'SIGKILL')
  while (isThere() && performance.now() < end + 5000) await delay(20)
  if (isThere()) throw new Error(`Process ${pid} does not end`)
}

function read (path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // the process has ended
  }
}

function ask (pid: number, field: 'command' | 'lstart'): string | null {
  try {
    return execFileSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8', env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' } }).trim()
  } catch {
    return null // ps exits with 1 when there is no such process
  }
}
