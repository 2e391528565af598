import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { startTime } from './processes.ts'

interface Holder { readonly pid: number, readonly started: string | null }

/**
 * Takes a lock file, which holds our pid and start time; one whose process has died counts for nothing. Returns how to
 * give it back, or the pid of the living holder (null while that is still writing its name).
 */
export function takeLock (path: string): { unlock: () => void } | { holder: number | null } {
  const own: Holder = { pid: process.pid, started: startTime(process.pid) }
  try {
    writeFileSync(path, JSON.stringify(own), { flag: 'wx', mode: 0o600 })
    return { unlock: () => rmSync(path, { force: true }) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const holder = readHolder(path)
  if (holder === null || startTime(holder.pid) === holder.started) return { holder: holder?.pid ?? null }
  rmSync(path, { force: true })
  return takeLock(path)
}

/** Waits until the lock can be taken; `onWait` is called once, when it cannot be at first. */
export async function waitForLock (path: string, onWait: () => void): Promise<() => void> {
  let told = false
  while (true) {
    const result = takeLock(path)
    if ('unlock' in result) return result.unlock
    if (!told) onWait()
    told = true
    await delay(250)
  }
}

function readHolder (path: string): Holder | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch (error) {
    // Just created and not written yet, or just removed.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
