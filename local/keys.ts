import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createKeyText } from '../lib/store/keys.ts'

export interface LocalKeys { readonly adminKey: string, readonly userKey: string }

/** The keys of this stack, made at its first start and kept in a file that only its owner can read. */
export function localKeys (path: string): LocalKeys {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LocalKeys
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const keys: LocalKeys = { adminKey: createKeyText(), userKey: createKeyText() }
  writeFileSync(`${path}.new`, JSON.stringify(keys, null, 2) + '\n', { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return keys
}
