import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createEncryptionKey } from '../lib/crypto/seal.ts'
import { createKeyText } from '../lib/store/keys.ts'

export interface LocalKeys {
  readonly adminKey: string
  readonly userKey: string
  /** For SIRA_ENCRYPTION_KEYS. */
  readonly encryptionKeys: string
}

/** The keys of this stack, made at its first start and kept in a file that only its owner can read. */
export function localKeys (path: string): LocalKeys {
  const known = readKeys(path)
  if (known.adminKey !== undefined && known.userKey !== undefined && known.encryptionKeys !== undefined) return known as LocalKeys
  const keys: LocalKeys = { adminKey: createKeyText(), userKey: createKeyText(), encryptionKeys: createEncryptionKey('local'), ...known }
  writeFileSync(`${path}.new`, JSON.stringify(keys, null, 2) + '\n', { mode: 0o600 })
  renameSync(`${path}.new`, path)
  return keys
}

/** What is there; a file of an earlier version lacks some. */
function readKeys (path: string): Partial<LocalKeys> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Partial<LocalKeys>
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return {}
  }
}
