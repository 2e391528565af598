import { publicPrefix, readBase64 } from './secrets.ts'

export interface Ed25519JsonWebKey {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  /** The 32 bytes in base64url. */
  readonly x: string
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'EdDSA'
}

/** A receiver's key as RFC 8037 writes it. `publicKey` is `whpk_…`, of createSigningKey; throws Error on another text. */
export function toJsonWebKey (publicKey: string, keyId: string): Ed25519JsonWebKey {
  const bytes = publicKey.startsWith(publicPrefix) ? readBase64(publicKey.slice(publicPrefix.length)) : null
  if (bytes?.length !== 32) throw new Error('A public key is whpk_ and the base64 of 32 bytes')
  return { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url'), kid: keyId, use: 'sig', alg: 'EdDSA' }
}
