import { createHmac, createPrivateKey, createSecretKey, sign as signDetached } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { hmacPrefix, readBase64, signingPrefix } from './secrets.ts'

/** Secrets whose keys are kept ready: reading an Ed25519 key takes longer than signing with it. */
const mostKeys = 4_096

const keys = new Map<string, KeyObject>()

/**
 * The header webhook-signature of Standard Webhooks: a `v1,…` (HMAC-SHA256) or `v1a,…` (Ed25519) for each secret, separated by spaces.
 * `secrets` are `whsec_…` and `whsk_…`, newest first, so that a receiver finds the current one at once during a rotation.
 * What is signed is `id.timestamp.body`, in UTF-8; send that very body. Throws Error on a secret that is none, without any of it in the
 * message, and on an id or a timestamp with which the parts could be told apart in two ways.
 */
export function sign (secrets: readonly string[], id: string, timestampSeconds: number, body: string): string {
  if (!/^[\w-]+$/.test(id)) throw new Error('A webhook id has letters, digits, underscores and dashes only')
  if (!Number.isSafeInteger(timestampSeconds) || timestampSeconds < 0) throw new Error('A webhook timestamp is a whole number of seconds')
  const content = `${id}.${timestampSeconds}.${body}`
  return secrets.map(secret => signOnce(obtainKey(secret), content)).join(' ')
}

function signOnce (key: KeyObject, content: string): string {
  if (key.type === 'secret') return `v1,${createHmac('sha256', key).update(content).digest('base64')}`
  return `v1a,${signDetached(null, Buffer.from(content), key).toString('base64')}`
}

function obtainKey (secret: string): KeyObject {
  const known = keys.get(secret)
  if (known !== undefined) return known
  const key = readKey(secret)
  if (keys.size >= mostKeys) keys.delete(keys.keys().next().value!)
  keys.set(secret, key)
  return key
}

function readKey (secret: string): KeyObject {
  const hmac = secret.startsWith(hmacPrefix)
  const bytes = hmac || secret.startsWith(signingPrefix) ? readBase64(secret.slice(secret.indexOf('_') + 1)) : null
  if (bytes !== null && hmac && bytes.length > 0) return createSecretKey(bytes)
  if (bytes !== null && !hmac && bytes.length === 64) return readEd25519(bytes)
  throw new Error('A webhook secret is whsec_ or whsk_ and base64')
}

/** RFC 8410: what stands before the 32 bytes of the seed in PKCS #8. */
const pkcs8Head = Buffer.from('302e020100300506032b657004220420', 'hex')

function readEd25519 (seedAndPublicKey: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, seedAndPublicKey.subarray(0, 32)]), format: 'der', type: 'pkcs8' })
}
