import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** Reads the secret kept in a file, or creates it there, readable by its owner only. 192 random bits, URL-safe. */
export function keptSecret (path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const secret = randomBytes(24).toString('base64url')
  writeFileSync(`${path}.new`, secret + '\n', { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return secret
}
