import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { SiraError } from '../errors.ts'

/** Prefixes of the Standard Webhooks specification, version 1.0.0. */
export const hmacPrefix = 'whsec_'
export const signingPrefix = 'whsk_'
export const publicPrefix = 'whpk_'

const newSecretBytes = 32
/** Bounds of the same specification. */
const fewestSecretBytes = 24
const mostSecretBytes = 64

/** A new secret for HMAC signatures: `whsec_` and 32 random bytes in base64. */
export function createHmacSecret (): string {
  return hmacPrefix + randomBytes(newSecretBytes).toString('base64')
}

/**
 * A new Ed25519 key: `secret` is `whsk_` and base64 of seed and public key (64 bytes, as libsodium and Svix keep it, so that the key can
 * be taken there and back), `publicKey` is `whpk_` and base64 of the 32 bytes that receivers need.
 */
export function createSigningKey (): { secret: string, publicKey: string } {
  const { d = '', x = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const publicKey = Buffer.from(x, 'base64url')
  return {
    secret: signingPrefix + Buffer.concat([Buffer.from(d, 'base64url'), publicKey]).toString('base64'),
    publicKey: publicPrefix + publicKey.toString('base64')
  }
}

/** Throws SiraError `invalid_parameter` (param `secret`) unless the text is `whsec_` and base64 of 24 to 64 bytes. Nothing of it is in the error. */
export function checkSecret (text: string): void {
  const bytes = text.startsWith(hmacPrefix) ? readBase64(text.slice(hmacPrefix.length)) : null
  if (bytes !== null && bytes.length >= fewestSecretBytes && bytes.length <= mostSecretBytes) return
  throw new SiraError('invalid_parameter', { param: 'secret', reason: `${hmacPrefix} and the base64 of ${fewestSecretBytes} to ${mostSecretBytes} bytes is needed.` })
}

/** The bytes; null for all that is not written as RFC 4648 §4 does, which receivers' libraries read differently or not at all. */
export function readBase64 (text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : null
}
