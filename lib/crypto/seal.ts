import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** Bytes. NIST SP 800-38D: a random 96-bit nonce is safe for 2^32 messages under one key, and the tag is the full 128 bits. */
const nonceBytes = 12
const tagBytes = 16
const keyBytes = 32

export interface Sealed {
  /** Nonce, ciphertext and tag in one. */
  readonly sealed: Buffer
  /** Name of the key-encryption key that opens it. */
  readonly kek: string
}

/** Key-encryption keys by name. The first of the configuration seals; all of them open. */
export interface Keyring {
  /** Encrypts with AES-256-GCM. `place` says where the result is kept (table, row id) and is needed to open it, so that it cannot be moved elsewhere. */
  seal: (text: string, place: string) => Sealed
  /** Throws when the key is not in the ring, or when the bytes or their place are not what was sealed. */
  open: (sealed: Sealed, place: string) => string
}

/** Reads `name:base64[,older:base64…]`, 32 bytes each. Throws Error without any part of a key in it. */
export function createKeyring (text: string): Keyring {
  const keys = new Map<string, Buffer>()
  for (const entry of text.split(',').map(part => part.trim())) {
    const [, name, encoded = ''] = /^([A-Za-z0-9_.-]{1,64}):([A-Za-z0-9+/]{43}=)$/.exec(entry) ?? []
    const key = Buffer.from(encoded, 'base64')
    if (name === undefined || key.length !== keyBytes) throw new Error('name:key pairs are needed, each key 32 bytes in base64')
    if (keys.has(name)) throw new Error(`the name ${name} is there twice`)
    keys.set(name, key)
  }
  const [first] = keys
  const [newest, sealingKey] = first!
  return {
    seal (text, place) {
      const nonce = randomBytes(nonceBytes)
      const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce, { authTagLength: tagBytes }).setAAD(Buffer.from(place))
      return { sealed: Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]), kek: newest }
    },
    open ({ sealed, kek }, place) {
      const key = keys.get(kek)
      if (key === undefined) throw new Error(`No key ${kek} in SIRA_ENCRYPTION_KEYS`)
      if (sealed.length < nonceBytes + tagBytes) throw new Error('What is sealed is cut off')
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decipher.setAAD(Buffer.from(place)).setAuthTag(sealed.subarray(-tagBytes))
      return Buffer.concat([decipher.update(sealed.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8')
    }
  }
}

/** A new key for SIRA_ENCRYPTION_KEYS, named. */
export function createEncryptionKey (name: string): string {
  return `${name}:${randomBytes(keyBytes).toString('base64')}`
}

/** Where a provider's credential is kept. */
export const credentialPlace = (id: string): string => `provider_credential ${id}`
/** Where a signing secret of a webhook endpoint, and its custom headers, are kept. */
export const webhookSecretPlace = (id: string): string => `webhook_secret ${id}`
export const webhookHeadersPlace = (endpointId: string): string => `webhook_endpoint ${endpointId}`
/** Where the text of an automatically rotated key waits; its hash is the row's id. */
export const unclaimedPlace = (hash: string): string => `key_secret ${hash}`
