import type { Pool } from 'pg'
import { sealUnclaimed } from '../crypto/unclaimed.ts'
import type { Keyring } from '../crypto/seal.ts'
import { newId } from '../ids.ts'
import type { Logger } from '../log.ts'
import { countDueKeys, lockDueKeys, replaceSecret } from '../store/admin-keys.ts'
import { inTransaction, type Queryable } from '../store/database.ts'
import { createKeyText, hashKey } from '../store/keys.ts'

/** Keys of one transaction. */
const BATCH = 100

/**
 * Gives keys that are due a new secret (rotate_every_days). Its text waits, encrypted, until it is claimed; the secret before
 * works for the key's overlap. Without a keyring nothing is rotated: a text that nobody could fetch would lock the key's users out.
 * Resolves with how many were rotated. Any number of workers may do this at once.
 */
export async function rotateDueKeys ({ pool, keyring, log }: { pool: Pool, keyring: Keyring | null, log: Pick<Logger, 'warn' | 'info'> }): Promise<number> {
  if (keyring === null) {
    const due = await countDueKeys(pool)
    if (due > 0) log.warn({ due }, 'keys are due for rotation, which needs SIRA_ENCRYPTION_KEYS')
    return 0
  }
  let rotated = 0
  for (;;) {
    const count = await inTransaction(pool, async client => {
      const due = await lockDueKeys(client, BATCH)
      for (const key of due) {
        const text = createKeyText()
        await replaceSecret(client, key.id, text, key.overlap_seconds, sealUnclaimed(keyring, text, hashKey(text)))
        await insertRotationEvent(client, key, text)
      }
      return due.length
    })
    rotated += count
    if (count < BATCH) break
  }
  if (rotated > 0) log.info({ rotated }, 'keys rotated')
  return rotated
}

/** Tells that there is a text to claim, and until when the one before works; the key's row is locked, so the sequence has no gap. */
async function insertRotationEvent (client: Queryable, key: { id: string, organization_id: string, project_id: string, overlap_seconds: number }, text: string): Promise<void> {
  await client.query(
    `INSERT INTO event (id, organization_id, project_id, resource_id, seq, type, data)
     SELECT $1, $2, $3, $4, coalesce(max(seq), 0) + 1, 'key.rotated', $5 FROM event WHERE resource_id = $4`,
    [newId('event'), key.organization_id, key.project_id, key.id, { hint: text.slice(-4), overlap_seconds: key.overlap_seconds }])
}
