import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus } from 'node:os'

const isLinux = process.platform === 'linux'
const ticksPerSecond = isLinux ? Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) : 1

/** CPU seconds of a process so far, user and system, all threads; to 10 ms on Linux, where ps has it elsewhere. Throws when it is gone. */
export function cpuSeconds (pid: number): number {
  return isLinux ? readStat(`/proc/${pid}/stat`) : readTime(askPs(pid, 'time'))
}

/** The same of the first thread alone, on which Node runs JavaScript; null where the system does not tell. */
export function scriptThreadSeconds (pid: number): number | null {
  return isLinux ? readStat(`/proc/${pid}/task/${pid}/stat`) : null
}

/** CPU seconds of the whole machine so far, all cores. */
export function machineSeconds (): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000
}

/** Bytes of memory in use by a process. */
export function residentBytes (pid: number): number {
  if (!isLinux) return Number(askPs(pid, 'rss')) * 1024
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/** Looks at a process every 100 ms until `end`, which returns the most bytes seen. It throws when the process is gone. */
export function watchMemory (pid: number): { end: () => number } {
  let peak = residentBytes(pid)
  const timer = setInterval(() => {
    try {
      peak = Math.max(peak, residentBytes(pid))
    } catch {
      clearInterval(timer) // the process is gone, and `end` throws
    }
  }, 100)
  return {
    end () {
      clearInterval(timer)
      return Math.max(peak, residentBytes(pid))
    }
  }
}

/** proc(5): behind the command's closing parenthesis come state (3) … utime (14) and stime (15), in ticks. */
function readStat (path: string): number {
  const stat = readFileSync(path, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

function askPs (pid: number, field: 'time' | 'rss'): string {
  return execFileSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' }).trim()
}

/** `[[days-]hours:]minutes:seconds[.fraction]`. */
function readTime (text: string): number {
  const [days, clock] = text.includes('-') ? text.split('-') as [string, string] : ['0', text]
  return Number(days) * 86_400 + clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
}
