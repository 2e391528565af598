import { appendFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const MOST_BYTES = 64 * 1024 * 1024

/**
 * Adds to `rejected.jsonl` what can never be stored, for a person to look at. Returns false when the file is full
 * and the line is lost.
 */
export function setAside (directory: string, entry: { reason: string, at: string, line: string }): boolean {
  const path = join(directory, 'rejected.jsonl')
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > MOST_BYTES) return false
  appendFileSync(path, JSON.stringify(entry) + '\n', { mode: 0o600 })
  return true
}
